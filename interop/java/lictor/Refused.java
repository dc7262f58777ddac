package lictor;

/** The answer is no; the code is the stable one of the step that failed. */
public final class Refused extends Exception {
    private static final long serialVersionUID = 1;

    private final String code;

    Refused(String code, String why) {
        super(code + ": " + why);
        this.code = code;
    }

    public String code() {
        return code;
    }

    static void when(boolean holds, String code, String why) throws Refused {
        if (holds) {
            throw new Refused(code, why);
        }
    }
}
