package lictor;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.Signature;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Verifies lictor's license keys, activation certificates and status lists, without a network and with the JDK only. The
 * format, and the steps that {@link #judge} takes in their order: docs/token-format.md.
 *
 * <pre>
 * License license = new License(Keys.load(pinned)); // what `lictor keys public` printed
 * Claims claims = license.judge(text, License.Expected.of(TokenType.LICENSE_KEY, issuer, product, "live", now), null);
 * </pre>
 */
public final class License {
    /**
     * What the software expects of a token.
     *
     * @param now the wall clock, Unix seconds
     * @param floor the largest signed time that was seen so far
     * @param machine component to commitment, of what can be read here; null: no machine is asked about
     */
    public record Expected(
            TokenType type,
            String issuer,
            String audience,
            String env,
            long now,
            long floor,
            Map<String, String> machine,
            String deviceKey,
            List<String> entitlements,
            List<Claims.Quota> quota) {
        public static Expected of(TokenType type, String issuer, String audience, String env, long now) {
            return new Expected(type, issuer, audience, env, now, 0, null, null, List.of(), List.of());
        }
    }

    /** The status list at hand, and what is remembered of the newest one seen before; null the first time. */
    public record StatusList(String text, Seen seen) {}

    /** The text is null when it was not kept. */
    public record Seen(long sequence, long issuedAt, String text) {}

    private static final long DAY = 24 * 60 * 60;
    private static final Set<String> STRONG = Set.of("os", "fw", "fp");

    private final Keys keys;

    public License(Keys keys) {
        this.keys = keys;
    }

    /** The claims of a token that is good here and now. Without a status list, list is null. */
    public Claims judge(String token, Expected expected, StatusList list) throws Refused {
        Claims claims = verify(token, expected.type());
        Claims listed = listFor(claims, list);
        long now = Math.max(Math.max(expected.now(), expected.floor()), claims.issuedAt);
        now = listed == null ? now : Math.max(now, listed.issuedAt);
        checkRecipient(claims, expected);
        checkTime(claims, expected, now);
        checkMachine(claims, expected);
        checkStatus(claims, listed, list, now);
        checkGrants(claims, expected);
        return claims;
    }

    /** Steps 1 to 5: the claims of a genuine token of that type. */
    public Claims verify(String token, TokenType type) throws Refused {
        try {
            return verified(token, type);
        } catch (Malformed e) {
            throw new Refused("malformed", e.getMessage());
        }
    }

    private Claims verified(String token, TokenType type) throws Malformed, Refused {
        String[] segments = token.split("\\.", -1);
        if (token.getBytes(StandardCharsets.UTF_8).length > type.maxBytes || segments.length != 3) {
            throw new Malformed("no three short segments");
        }
        Members header = Members.of(StrictJson.parse(Members.fromBase64url(segments[0])));
        Members payload = Members.of(StrictJson.parse(Members.fromBase64url(segments[1])));
        byte[] signature = Members.fromBase64url(segments[2]);
        if (signature.length != 64) {
            throw new Malformed("no 64 bytes of signature");
        }
        String actual = checkHeader(header);
        Keys.Key key = keys.get((String) header.value("kid"));
        Refused.when(key == null, "unknown_key", "not pinned");
        Refused.when(!TokenType.isSignedBy(actual, key.role()), "unknown_key", "its role does not sign this");
        Refused.when(!key.issuer().equals(payload.members().get("iss")), "unknown_key", "of another issuer");
        byte[] signed = (segments[0] + "." + segments[1]).getBytes(StandardCharsets.US_ASCII);
        Refused.when(!isSigned(key, signed, signature), "bad_signature", "it does not verify strictly");
        Refused.when(!actual.equals(type.typ), "wrong_type", actual);
        return Claims.read(type, payload);
    }

    /** The bare type. */
    private static String checkHeader(Members header) throws Refused {
        Object[] values = {header.members().get("alg"), header.members().get("typ"), header.members().get("kid")};
        boolean strings = Arrays.stream(values).allMatch(String.class::isInstance);
        Refused.when(header.members().size() != 3 || !strings, "bad_header", "not exactly alg, typ and kid");
        Refused.when(!Set.of("EdDSA", "Ed25519").contains(values[0]), "bad_header", "another algorithm");
        return TokenType.bare((String) values[1]);
    }

    private static boolean isSigned(Keys.Key key, byte[] signed, byte[] signature) {
        boolean canonical = Keys.isStrongPoint(Arrays.copyOf(signature, 32))
                && Keys.isBelowOrder(Arrays.copyOfRange(signature, 32, 64));
        try {
            Signature ed25519 = Signature.getInstance("Ed25519");
            ed25519.initVerify(key.verifying());
            ed25519.update(signed);
            return canonical && ed25519.verify(signature);
        } catch (GeneralSecurityException e) {
            return false;
        }
    }

    private static void checkRecipient(Claims claims, Expected expected) throws Refused {
        boolean forProduct = claims.audience == null || claims.audience.equals(expected.audience());
        Refused.when(!claims.issuer.equals(expected.issuer()), "wrong_issuer", claims.issuer);
        Refused.when(!forProduct, "wrong_audience", claims.audience);
        Refused.when(!claims.env.equals(expected.env()), "wrong_environment", claims.env);
    }

    private static void checkTime(Claims claims, Expected expected, long now) throws Refused {
        boolean matters = claims.expires != null || claims.statusRule.equals("require");
        Refused.when(now < claims.notBefore, "not_yet_valid", "nbf is still to come");
        Refused.when(claims.expires != null && now >= claims.expires, "expired", "exp is reached");
        Refused.when(matters && now - expected.now() > DAY, "clock_suspect", "more than a day behind signed time");
    }

    private static void checkMachine(Claims claims, Expected expected) throws Refused {
        if (expected.machine() == null || claims.type == TokenType.STATUS_LIST) {
            return;
        }
        if (claims.type == TokenType.LICENSE_KEY) {
            Refused.when(!claims.binding.equals("none"), "activation_required", "the spec binds machines");
            return;
        }
        boolean unbound = claims.machine.isEmpty() && claims.deviceKey == null;
        boolean anywhere = claims.binding.equals("none") || claims.binding.equals("floating");
        boolean matches = unbound ? anywhere : isMachine(claims, expected);
        Refused.when(!matches, "wrong_machine", "issued for another machine");
    }

    private static boolean isMachine(Claims claims, Expected expected) {
        Map<String, String> offered = expected.machine();
        if (claims.deviceKey != null && !claims.deviceKey.equals(expected.deviceKey())) {
            return false;
        }
        String firmware = claims.machine.get("fw");
        if (firmware != null && offered.containsKey("fw") && !firmware.equals(offered.get("fw"))) {
            return false;
        }
        List<String> same = claims.machine.keySet().stream()
                .filter(name -> claims.machine.get(name).equals(offered.get(name)))
                .toList();
        boolean strong = claims.deviceKey != null || same.stream().anyMatch(STRONG::contains);
        return strong && same.size() >= Claims.needed(claims.machine.size());
    }

    /** The list that speaks about this token; null when there is none that verifies. */
    private Claims listFor(Claims claims, StatusList list) {
        if (list == null || claims.statusUri == null) {
            return null;
        }
        try {
            Claims listed = verify(list.text(), TokenType.STATUS_LIST);
            boolean ofMerchant = listed.issuer.equals(claims.issuer) && listed.env.equals(claims.env);
            return ofMerchant && listed.subject.equals(claims.statusUri) ? listed : null;
        } catch (Refused e) {
            return null;
        }
    }

    private static void checkStatus(Claims claims, Claims listed, StatusList list, long now) throws Refused {
        boolean required = claims.statusRule.equals("require");
        if (claims.statusRule.equals("ignore")) {
            return;
        }
        if (listed == null) {
            Refused.when(required, "status_missing", "no list speaks about this token");
            return;
        }
        Refused.when(isRolledBack(listed, list), "status_rolled_back", "a newer list was seen");
        Refused.when(claims.statusIndex >= Claims.ENTRIES, "status_missing", "no entry of this index");
        int index = claims.statusIndex.intValue();
        switch (listed.entries[index / 4] >> 2 * (index % 4) & 3) {
            case 1 -> throw new Refused("revoked", "ended for good");
            case 2 -> throw new Refused("suspended", "stopped, can be resumed");
            case 3 -> throw new Refused("superseded", "replaced by another license key");
            default -> { }
        }
        boolean aged = claims.maxStatusAge != null && now - listed.issuedAt >= claims.maxStatusAge;
        Refused.when(required && (aged || now >= listed.expires), "status_stale", "the list is too old");
    }

    private static boolean isRolledBack(Claims listed, StatusList list) {
        Seen seen = list.seen();
        if (seen == null) {
            return false;
        }
        boolean otherText = seen.text() != null && !seen.text().equals(list.text());
        return listed.sequence < seen.sequence()
                || listed.issuedAt < seen.issuedAt()
                || listed.sequence == seen.sequence() && otherText;
    }

    private static void checkGrants(Claims claims, Expected expected) throws Refused {
        boolean entitled = claims.entitlements.containsAll(expected.entitlements());
        Refused.when(!entitled, "not_entitled", "an entitlement is not granted");
        for (Claims.Quota need : expected.quota()) {
            long granted = claims.quota.stream()
                    .filter(each -> each.metric().equals(need.metric()))
                    .mapToLong(Claims.Quota::amount)
                    .sum();
            Refused.when(granted < need.amount(), "quota_exhausted", need.metric());
        }
    }
}
