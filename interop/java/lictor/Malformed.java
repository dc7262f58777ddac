package lictor;

/** A text that is not of the form it must have. */
final class Malformed extends Exception {
    private static final long serialVersionUID = 1;

    Malformed(String why) {
        super(why);
    }
}
