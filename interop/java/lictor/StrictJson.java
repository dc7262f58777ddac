package lictor;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * JSON for text that decides about money: UTF-8 only, no member twice, at most 8 levels, no half surrogate pairs.
 *
 * <p>Objects are Maps, arrays Lists, strings Strings, true and false Booleans, null is {@link #NULL}, and a number is a
 * {@link Number} with the text it came in.
 */
final class StrictJson {
    /** JSON's null: a member that is null is there. */
    static final Object NULL = new Object();

    /** A number, as the text it came in: none of them passes through a double. */
    record Number(String text) {}

    private static final int LEVELS = 8;
    private static final Pattern NUMBER = Pattern.compile("-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][+-]?[0-9]+)?");
    private static final Pattern HEX = Pattern.compile("[0-9a-fA-F]{4}");
    private static final Map<String, Object> WORDS = Map.of("true", true, "false", false, "null", NULL);

    private final String text;
    private int at;

    private StrictJson(String text) {
        this.text = text;
    }

    /** The value of one whole text. */
    static Object parse(byte[] bytes) throws Malformed {
        try {
            return parse(StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString());
        } catch (CharacterCodingException e) {
            throw new Malformed("no UTF-8");
        }
    }

    static Object parse(String text) throws Malformed {
        StrictJson parser = new StrictJson(text);
        Object value = parser.value(0);
        parser.space();
        if (parser.at != text.length()) {
            throw parser.malformed("something follows");
        }
        return value;
    }

    private Malformed malformed(String why) {
        return new Malformed(why + " at " + at);
    }

    private void space() {
        while (at < text.length() && " \t\n\r".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
    }

    private boolean take(char wanted) {
        space();
        boolean found = at < text.length() && text.charAt(at) == wanted;
        at += found ? 1 : 0;
        return found;
    }

    private void expect(char wanted) throws Malformed {
        if (!take(wanted)) {
            throw malformed("no " + wanted);
        }
    }

    private Object value(int level) throws Malformed {
        if (take('{')) {
            return object(deeper(level));
        }
        if (take('[')) {
            return array(deeper(level));
        }
        if (take('"')) {
            return string();
        }
        for (Map.Entry<String, Object> word : WORDS.entrySet()) {
            if (text.startsWith(word.getKey(), at)) {
                at += word.getKey().length();
                return word.getValue();
            }
        }
        Matcher number = NUMBER.matcher(text).region(at, text.length());
        if (!number.lookingAt()) {
            throw malformed("no value");
        }
        at = number.end();
        return new Number(number.group());
    }

    private int deeper(int level) throws Malformed {
        if (level == LEVELS) {
            throw malformed("nested too deeply");
        }
        return level + 1;
    }

    private Map<String, Object> object(int level) throws Malformed {
        Map<String, Object> members = new LinkedHashMap<>();
        if (take('}')) {
            return members;
        }
        do {
            expect('"');
            String name = string();
            expect(':');
            if (members.put(name, value(level)) != null) {
                throw malformed(name + " stands twice");
            }
        } while (take(','));
        expect('}');
        return members;
    }

    private List<Object> array(int level) throws Malformed {
        List<Object> items = new ArrayList<>();
        if (take(']')) {
            return items;
        }
        do {
            items.add(value(level));
        } while (take(','));
        expect(']');
        return items;
    }

    private String string() throws Malformed {
        StringBuilder string = new StringBuilder();
        while (at < text.length()) {
            char next = text.charAt(at++);
            if (next == '"') {
                return whole(string.toString());
            }
            if (next < ' ') {
                break;
            }
            string.append(next == '\\' ? escaped() : next);
        }
        throw malformed("no end of a string, or a control character");
    }

    private char escaped() throws Malformed {
        char letter = at < text.length() ? text.charAt(at++) : ' ';
        return switch (letter) {
            case '"', '\\', '/' -> letter;
            case 'b' -> '\b';
            case 'f' -> '\f';
            case 'n' -> '\n';
            case 'r' -> '\r';
            case 't' -> '\t';
            case 'u' -> unit();
            default -> throw malformed("no escape");
        };
    }

    private char unit() throws Malformed {
        Matcher digits = HEX.matcher(text).region(at, text.length());
        if (!digits.lookingAt()) {
            throw malformed("no four digits");
        }
        at = digits.end();
        return (char) Integer.parseInt(digits.group(), 16);
    }

    private String whole(String string) throws Malformed {
        boolean half = string.codePoints().anyMatch(point -> point >= Character.MIN_SURROGATE && point <= Character.MAX_SURROGATE);
        if (half) {
            throw malformed("half a surrogate pair");
        }
        return string;
    }
}
