package lictor;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;

/** What a genuine token says, of any type. What is optional and not there is null or empty. */
public final class Claims {
    /** Quota, in ten-thousandths of a unit. */
    public record Quota(String metric, long amount) {}

    static final int ENTRIES = 1 << 17;

    public final TokenType type;
    public String issuer;
    public String audience;
    public String subject;
    public long issuedAt;
    public long notBefore;
    public Long expires;
    public List<String> entitlements = new ArrayList<>();
    public Long statusIndex;
    public String statusUri;
    public String env;
    public String term;
    public List<Quota> quota = new ArrayList<>();
    public String statusRule = "ignore";
    public Long maxStatusAge;
    public String binding = "none";
    /** Of a certificate. */
    public String activation;
    public long generation;
    public long renew;
    public Long end;
    public Map<String, String> machine = new HashMap<>();
    public String deviceKey;
    /** Of a status list. */
    public long sequence;
    public byte[] entries;

    private Claims(TokenType type) {
        this.type = type;
    }

    static Claims read(TokenType type, Members payload) throws Malformed {
        Claims claims = new Claims(type);
        Members lic = payload.object("lic");
        check(lic.integer("v") == 1, "another version");
        claims.issuer = payload.text("iss", Members.URI);
        claims.issuedAt = payload.integer("iat");
        claims.env = lic.word("env", "live", "test");
        switch (type) {
            case LICENSE_KEY -> {
                claims.readShared(payload, lic);
                claims.expires = payload.integerIf("exp");
                claims.end = claims.expires;
                Long machines = lic.integerIf("machines");
                check(machines == null || machines > 0 && machines < 1L << 32, "machines out of bounds");
            }
            case CERTIFICATE -> {
                claims.readShared(payload, lic);
                claims.readCertificate(payload, lic);
            }
            case STATUS_LIST -> claims.readList(payload, lic);
        }
        check(claims.end != null || claims.term.equals("permanent"), "no end, and not permanent");
        check(claims.expires == null || claims.notBefore < claims.expires, "an empty span");
        return claims;
    }

    private static void check(boolean holds, String why) throws Malformed {
        if (!holds) {
            throw new Malformed(why);
        }
    }

    private void readShared(Members payload, Members lic) throws Malformed {
        audience = payload.text("aud", Members.NAME);
        subject = payload.text("sub", Members.NAME);
        payload.text("jti", Members.NAME);
        notBefore = payload.integer("nbf");
        for (Object item : payload.array("entitlements")) {
            entitlements.add(Members.text(item, Members.NAME));
        }
        if (payload.has("status")) {
            Members list = payload.object("status").object("status_list");
            statusIndex = list.integer("idx");
            statusUri = list.text("uri", Members.URI);
        }
        term = lic.string("term");
        check(term.matches("permanent|P[1-9][0-9]{0,3}[DMY]"), "no term");
        readSpec(lic.object("spec"));
        for (Object item : lic.array("quota")) {
            quota.add(quota(Members.of(item)));
        }
        lic.integerIf("upd");
        lic.integerIf("grace_secs");
        Members policy = lic.objectIf("policy");
        statusRule = policy.wordOr("prefer", "status", "require", "prefer", "ignore");
        maxStatusAge = policy.integerIf("max_status_age");
        policy.integerIf("max_offline");
        policy.wordOr("enforce", "enforcement", "enforce", "warn", "advise");
        binding = policy.wordOr("hardware", "binding", "hardware", "device-key", "floating", "none");
    }

    private static void readSpec(Members spec) throws Malformed {
        spec.text("sku", Members.NAME);
        Members attributes = spec.objectIf("attributes");
        check(attributes.members().size() <= Members.ITEMS, "too many attributes");
        for (Map.Entry<?, ?> attribute : attributes.members().entrySet()) {
            Members.text(attribute.getKey(), Members.NAME);
            Members.text(attribute.getValue(), Members.NAME);
        }
    }

    private static Quota quota(Members item) throws Malformed {
        item.text("unit", Members.NAME);
        item.word("reset", "none", "hour", "day", "week", "month", "year");
        if (item.has("total")) {
            item.amount("total");
        }
        if (item.has("share") || item.has("from") || item.has("until")) {
            item.integer("share");
            check(item.integer("from") < item.integer("until"), "an empty share");
        }
        return new Quota(item.text("metric", Members.NAME), item.amount("amount"));
    }

    private void readCertificate(Members payload, Members lic) throws Malformed {
        expires = payload.integer("exp");
        end = lic.integerIf("end");
        activation = lic.text("act", Members.NAME);
        generation = lic.integer("gen");
        renew = lic.integer("renew");
        if (payload.has("nonce")) {
            payload.text("nonce", Members.NAME);
        }
        if (payload.has("cnf")) {
            deviceKey = payload.object("cnf").binary("jkt", 32);
        }
        if (lic.has("ledger")) {
            Members ledger = lic.object("ledger");
            ledger.binary("key", 32);
            ledger.binary("head", 32);
            ledger.integer("seq");
        }
        if (lic.has("machine")) {
            readMachine(lic.object("machine"));
        }
    }

    private void readMachine(Members enrolled) throws Malformed {
        Members components = enrolled.object("c");
        for (Object name : components.members().keySet()) {
            check(List.of("os", "fw", "brd", "dsk", "net", "fp").contains(name), "an unknown component");
            machine.put((String) name, components.binary((String) name, 16));
        }
        check(!machine.isEmpty() && enrolled.integer("v") == 1, "no machine of this version");
        check(enrolled.integer("k") == needed(machine.size()), "k is not what the format asks for");
    }

    /** How many of the enrolled components must match. */
    static int needed(int enrolled) {
        return switch (enrolled) {
            case 3 -> 2;
            case 4, 5 -> 3;
            case 6 -> 4;
            default -> enrolled;
        };
    }

    private void readList(Members payload, Members lic) throws Malformed {
        subject = payload.text("sub", Members.URI);
        notBefore = issuedAt;
        expires = payload.integer("exp");
        end = expires;
        payload.integerIf("ttl");
        sequence = lic.integer("seq");
        Members list = payload.object("status_list");
        check(list.integer("bits") == 2, "another number of bits");
        entries = inflate(Members.fromBase64url(list.text("lst", 64 * 1024)));
    }

    /** Exactly 2^17 entries of 2 bits; nothing beyond is inflated, nothing may stand behind. */
    private static byte[] inflate(byte[] stream) throws Malformed {
        byte[] entries = new byte[ENTRIES / 4];
        byte[] more = new byte[1];
        Inflater inflater = new Inflater();
        try {
            inflater.setInput(stream);
            int size = 0;
            int written;
            do {
                written = inflater.inflate(entries, size, entries.length - size);
                size += written;
            } while (written > 0 && size < entries.length);
            // The checksum is read, and one byte too many is noticed, only where there is room for it.
            check(size == entries.length && inflater.inflate(more) == 0, "another size");
            check(inflater.finished() && inflater.getRemaining() == 0, "not one whole stream");
            return entries;
        } catch (DataFormatException e) {
            throw new Malformed("no zlib stream");
        } finally {
            inflater.end();
        }
    }
}
