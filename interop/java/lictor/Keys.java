package lictor;

import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.MessageDigest;
import java.security.PublicKey;
import java.security.spec.EdECPoint;
import java.security.spec.EdECPublicKeySpec;
import java.security.spec.NamedParameterSpec;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Pinned keys: a JWK Set as {@code lictor keys public} prints it, each key bound to one issuer and one role. */
public final class Keys {
    record Key(String role, String issuer, PublicKey verifying) {}

    private static final int MAX_BYTES = 64 * 1024;
    private static final Set<String> ROLES = Set.of("root", "license", "activation", "status");

    private static final BigInteger ONE = BigInteger.ONE;
    private static final BigInteger P = ONE.shiftLeft(255).subtract(BigInteger.valueOf(19));
    /** Order of the base point, RFC 8032. */
    private static final BigInteger L =
            ONE.shiftLeft(252).add(new BigInteger("27742317777372353535851937790883648493"));
    private static final BigInteger D =
            BigInteger.valueOf(-121665).multiply(BigInteger.valueOf(121666).modInverse(P)).mod(P);
    private static final BigInteger Y_OF_ORDER_8 =
            new BigInteger("05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826", 16);
    private static final Set<BigInteger> SMALL_ORDER =
            Set.of(BigInteger.ZERO, ONE, P.subtract(ONE), Y_OF_ORDER_8, P.subtract(Y_OF_ORDER_8));

    /** No key: what a set that is refused stands for. */
    public static final Keys NONE = new Keys(Map.of());

    private final Map<String, Key> byId;

    private Keys(Map<String, Key> byId) {
        this.byId = byId;
    }

    Key get(String id) {
        return byId.get(id);
    }

    /** A set with a key that is weak, private or misnamed is refused as a whole. */
    public static Keys load(String set) throws IllegalArgumentException {
        try {
            return read(set);
        } catch (Malformed | GeneralSecurityException e) {
            throw new IllegalArgumentException(e.getMessage(), e);
        }
    }

    private static Keys read(String set) throws Malformed, GeneralSecurityException {
        if (set.getBytes(StandardCharsets.UTF_8).length > MAX_BYTES) {
            throw new Malformed("the set is too long");
        }
        if (!(Members.of(StrictJson.parse(set)).value("keys") instanceof List<?> entries)) {
            throw new Malformed("no JWK Set");
        }
        Map<String, Key> byId = new HashMap<>();
        for (Object entry : entries) {
            Members jwk = Members.of(entry);
            if (isOfUse(jwk) && byId.put(jwk.string("kid"), key(jwk)) != null) {
                throw new Malformed("a key stands twice");
            }
        }
        if (byId.isEmpty()) {
            throw new Malformed("no key is left");
        }
        return new Keys(byId);
    }

    private static boolean isOfUse(Members jwk) throws Malformed {
        if (jwk.has("d")) {
            throw new Malformed("a private key");
        }
        boolean ofCurve = jwk.string("kty").equals("OKP") && "Ed25519".equals(jwk.members().get("crv"));
        boolean signs = !jwk.has("use") || "sig".equals(jwk.members().get("use"));
        return ofCurve && signs && ROLES.contains(jwk.string("role"));
    }

    private static Key key(Members jwk) throws Malformed, GeneralSecurityException {
        String x = jwk.binary("x", 32);
        byte[] point = Members.fromBase64url(x);
        if (!isStrongPoint(point)) {
            throw new Malformed("x is no strong point");
        }
        String members = "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"" + x + "\"}";
        byte[] thumbprint = MessageDigest.getInstance("SHA-256").digest(members.getBytes(StandardCharsets.UTF_8));
        if (!jwk.string("kid").equals(Members.toBase64url(thumbprint))) {
            throw new Malformed("kid is not the thumbprint of RFC 7638");
        }
        EdECPoint of = new EdECPoint((point[31] & 0x80) != 0, y(point));
        PublicKey key = KeyFactory.getInstance("Ed25519").generatePublic(new EdECPublicKeySpec(NamedParameterSpec.ED25519, of));
        return new Key(jwk.string("role"), jwk.text("iss", Members.URI), key);
    }

    private static BigInteger fromLittleEndian(byte[] bytes) {
        byte[] reversed = new byte[bytes.length];
        for (int i = 0; i < bytes.length; i++) {
            reversed[bytes.length - 1 - i] = bytes[i];
        }
        return new BigInteger(1, reversed);
    }

    private static BigInteger y(byte[] point) {
        return fromLittleEndian(point).clearBit(255);
    }

    /** On the curve, in canonical form, not of small order. */
    static boolean isStrongPoint(byte[] point) {
        BigInteger y = y(point);
        if (y.compareTo(P) >= 0 || SMALL_ORDER.contains(y)) {
            return false;
        }
        // x² = (y² − 1) / (dy² + 1), here times a square.
        BigInteger square = y.multiply(y);
        BigInteger x = square.subtract(ONE).multiply(square.multiply(D).add(ONE));
        return x.modPow(P.shiftRight(1), P).equals(ONE);
    }

    static boolean isBelowOrder(byte[] scalar) {
        return fromLittleEndian(scalar).compareTo(L) < 0;
    }
}
