package lictor;

/** The types of tokens that software verifies. */
public enum TokenType {
    LICENSE_KEY("license+jwt", 8 * 1024),
    CERTIFICATE("license-activation+jwt", 8 * 1024),
    STATUS_LIST("statuslist+jwt", 64 * 1024);

    final String typ;
    final int maxBytes;

    TokenType(String typ, int maxBytes) {
        this.typ = typ;
        this.maxBytes = maxBytes;
    }

    public static TokenType of(String typ) {
        for (TokenType type : values()) {
            if (type.typ.equals(typ)) {
                return type;
            }
        }
        throw new IllegalArgumentException("no type of token: " + typ);
    }

    /** In lower case by ASCII only, without {@code application/}. */
    static String bare(String typ) {
        StringBuilder lower = new StringBuilder(typ);
        for (int i = 0; i < lower.length(); i++) {
            char letter = lower.charAt(i);
            if (letter >= 'A' && letter <= 'Z') {
                lower.setCharAt(i, (char) (letter - 'A' + 'a'));
            }
        }
        String prefix = "application/";
        return lower.indexOf(prefix) == 0 ? lower.substring(prefix.length()) : lower.toString();
    }

    /** Whether a key of that role signs that type; of a type that nobody knows no role is known either. */
    static boolean isSignedBy(String bareType, String role) {
        return switch (bareType) {
            case "license+jwt" -> role.equals("license");
            case "license-activation+jwt" -> role.equals("activation");
            case "statuslist+jwt" -> role.equals("status");
            case "license-keyset+jwt" -> role.equals("root");
            case "license-activation-request+jwt" -> false; // by a device key
            default -> true;
        };
    }
}
