package lictor;

import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Reads the members of one JSON object. A wrong type never means "absent". */
record Members(Map<?, ?> members) {
    static final int NAME = 128;
    static final int URI = 255;
    static final int ITEMS = 64;

    private static final long INTEGER_END = 1L << 53;
    private static final long AMOUNT_END = 900_000_000_000L * 10_000;
    private static final Pattern INTEGER = Pattern.compile("[0-9]{1,16}");
    private static final Pattern AMOUNT = Pattern.compile("(0|[1-9][0-9]{0,11})(?:\\.([0-9]{1,4}))?");

    static Members of(Object value) throws Malformed {
        if (value instanceof Map<?, ?> members) {
            return new Members(members);
        }
        throw new Malformed("no object");
    }

    boolean has(String name) {
        return members.containsKey(name);
    }

    Object value(String name) throws Malformed {
        if (!has(name)) {
            throw new Malformed(name + " is missing");
        }
        return members.get(name);
    }

    String string(String name) throws Malformed {
        if (value(name) instanceof String string) {
            return string;
        }
        throw new Malformed(name + " is no string");
    }

    String text(String name, int maxBytes) throws Malformed {
        return text(value(name), maxBytes);
    }

    static String text(Object value, int maxBytes) throws Malformed {
        if (value instanceof String text
                && !text.isEmpty()
                && text.getBytes(StandardCharsets.UTF_8).length <= maxBytes
                && text.chars().noneMatch(Character::isISOControl)) {
            return text;
        }
        throw new Malformed("no text, or empty, too long, with control characters");
    }

    String word(String name, String... words) throws Malformed {
        String word = string(name);
        if (!List.of(words).contains(word)) {
            throw new Malformed(name + " is no known word");
        }
        return word;
    }

    /** One of the words, or what absent means. */
    String wordOr(String absent, String name, String... words) throws Malformed {
        return has(name) ? word(name, words) : absent;
    }

    long integer(String name) throws Malformed {
        if (value(name) instanceof StrictJson.Number number && INTEGER.matcher(number.text()).matches()) {
            long integer = Long.parseLong(number.text());
            if (integer < INTEGER_END) {
                return integer;
            }
        }
        throw new Malformed(name + " is no integer in [0, 2^53)");
    }

    /** null when it is not there. */
    Long integerIf(String name) throws Malformed {
        return has(name) ? integer(name) : null;
    }

    long amount(String name) throws Malformed {
        Object value = value(name);
        return amountOf(value instanceof StrictJson.Number number ? number.text() : string(name));
    }

    /** In ten-thousandths, never through a double. */
    static long amountOf(String text) throws Malformed {
        Matcher found = AMOUNT.matcher(text);
        if (!found.matches()) {
            throw new Malformed("no amount");
        }
        String fraction = found.group(2) == null ? "" : found.group(2);
        long amount = Long.parseLong(found.group(1) + fraction + "0".repeat(4 - fraction.length()));
        if (amount >= AMOUNT_END) {
            throw new Malformed("an amount that is too large");
        }
        return amount;
    }

    Members object(String name) throws Malformed {
        return of(value(name));
    }

    /** Without members when it is not there. */
    Members objectIf(String name) throws Malformed {
        return has(name) ? object(name) : new Members(Map.of());
    }

    List<?> array(String name) throws Malformed {
        if (!has(name)) {
            return List.of();
        }
        if (value(name) instanceof List<?> items && items.size() <= ITEMS) {
            return items;
        }
        throw new Malformed(name + " is no array of at most 64 items");
    }

    /** The text of base64url that stands for that many bytes. */
    String binary(String name, int bytes) throws Malformed {
        String text = string(name);
        if (fromBase64url(text).length != bytes) {
            throw new Malformed(name + " is not of that many bytes");
        }
        return text;
    }

    /** The one canonical form, without padding. */
    static byte[] fromBase64url(String text) throws Malformed {
        try {
            byte[] bytes = Base64.getUrlDecoder().decode(text);
            if (toBase64url(bytes).equals(text)) {
                return bytes;
            }
        } catch (IllegalArgumentException e) {
            // As any other text that is not canonical.
        }
        throw new Malformed("no canonical base64url");
    }

    static String toBase64url(byte[] bytes) {
        return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
    }
}
