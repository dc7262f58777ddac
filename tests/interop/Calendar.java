import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.DayOfWeek;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.temporal.ChronoUnit;
import java.time.temporal.TemporalAdjusters;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The oracle in Java: what does java.time make of a term, a quota window, a total?
 *
 * JSON lines in, as docs/calendar.md describes them without their answers; JSON lines out, the answers. The objects are flat,
 * and their strings need no escapes, so that a regular expression reads them.
 */
public final class Calendar {
    private static final Pattern MEMBER = Pattern.compile("\"(\\w+)\":\\s*(?:\"([^\"]*)\"|(\\d+)|null)");
    private static final DateTimeFormatter TEXT = DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss'Z'");

    private static final String NO_WINDOW = "{\"starts_at\":null,\"ends_at\":null,\"ordinal\":null}";

    private final Map<String, String> members = new HashMap<>();

    private Calendar(String line) {
        Matcher matcher = MEMBER.matcher(line);
        while (matcher.find()) {
            members.put(matcher.group(1), matcher.group(2) != null ? matcher.group(2) : matcher.group(3));
        }
    }

    public static void main(String[] arguments) throws IOException {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream answers = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            answers.println(new Calendar(line).answer());
        }
        answers.flush();
    }

    private String answer() {
        switch (members.get("check")) {
            case "add":
                return add();
            case "windows":
                return windows();
            case "total":
                return total();
            default:
                throw new IllegalArgumentException(members.toString());
        }
    }

    private ZonedDateTime instant(String name) {
        String text = members.get(name);
        return text == null ? null : Instant.parse(text).atZone(ZoneOffset.UTC);
    }

    private long number(String name) {
        return Long.parseLong(members.get(name));
    }

    private static String text(ZonedDateTime at) {
        return at == null ? "null" : '"' + at.withZoneSameInstant(ZoneOffset.UTC).format(TEXT) + '"';
    }

    private static String phase(ZonedDateTime start, ZonedDateTime end, ZonedDateTime at) {
        if (at.isBefore(start)) {
            return "before";
        }
        return end == null || at.isBefore(end) ? "within" : "after";
    }

    private String add() {
        ZonedDateTime start = instant("start");
        ZonedDateTime end = null;
        String term = members.get("term");
        if (!term.equals("permanent")) {
            long count = Long.parseLong(term.substring(1, term.length() - 1)) * number("times");
            char unit = term.charAt(term.length() - 1);
            try {
                end = unit == 'D' ? start.plusDays(count) : unit == 'M' ? start.plusMonths(count) : start.plusYears(count);
            } catch (DateTimeException | ArithmeticException beyond) {
                return "{\"beyond\":true}";
            }
            if (end.getYear() > 9999) {
                return "{\"beyond\":true}";
            }
        }
        ZonedDateTime at = instant("at");
        String phase = at == null ? "" : ",\"phase\":\"" + phase(start, end, at) + '"';
        return "{\"end\":" + text(end) + phase + '}';
    }

    private String windows() {
        ZonedDateTime start = instant("start");
        ZonedDateTime end = instant("end");
        ZonedDateTime at = instant("at");
        String reset = members.get("reset");
        if (!phase(start, end, at).equals("within")) {
            return NO_WINDOW;
        }
        if (reset.equals("none")) {
            return window(start, end, 0);
        }
        ChronoUnit unit = ChronoUnit.valueOf(reset.toUpperCase() + 'S');
        ZonedDateTime origin = members.get("window").equals("anniversary") ? start : calendarStart(unit, start);
        long ordinal = unit.between(origin, at);
        // The last day of a shorter month is the boundary of a longer one, which `between` does not count as reached.
        if (!origin.plus(ordinal + 1, unit).isAfter(at)) {
            ordinal += 1;
        }
        ZonedDateTime begins = origin.plus(ordinal, unit);
        ZonedDateTime ends = origin.plus(ordinal + 1, unit);
        begins = begins.isBefore(start) ? start : begins;
        ends = end != null && end.isBefore(ends) ? end : ends;
        return ends.getYear() > 9999 ? NO_WINDOW : window(begins, ends, ordinal);
    }

    private String total() {
        ZonedDateTime start = instant("start");
        ZonedDateTime end = instant("end");
        String reset = members.get("reset");
        BigDecimal amount = new BigDecimal(members.get("amount"));
        if (end == null && !reset.equals("none")) {
            return "{\"windows\":null,\"total\":null}";
        }
        long windows = reset.equals("none") ? 1 : windowsPaid(start, end, ChronoUnit.valueOf(reset.toUpperCase() + 'S'));
        BigDecimal total = amount.multiply(BigDecimal.valueOf(windows));
        if (total.compareTo(new BigDecimal("900000000000")) >= 0) {
            return "{\"beyond\":true}";
        }
        return "{\"windows\":" + windows + ",\"total\":\"" + total.stripTrailingZeros().toPlainString() + "\"}";
    }

    /** The windows that have begun before the end; of months and years not one that lasts 48 hours or less. */
    private static long windowsPaid(ZonedDateTime start, ZonedDateTime end, ChronoUnit unit) {
        long windows = 0;
        boolean isDated = unit == ChronoUnit.MONTHS || unit == ChronoUnit.YEARS;
        ZonedDateTime last = start;
        for (ZonedDateTime begins = start; begins.isBefore(end); begins = start.plus(windows, unit)) {
            last = begins;
            windows += 1;
        }
        boolean isRounding = isDated && Duration.between(last, end).compareTo(Duration.ofHours(48)) <= 0;
        return isRounding && windows > 1 ? windows - 1 : windows;
    }

    private static String window(ZonedDateTime begins, ZonedDateTime ends, long ordinal) {
        return "{\"starts_at\":" + text(begins) + ",\"ends_at\":" + text(ends) + ",\"ordinal\":" + ordinal + '}';
    }

    private static ZonedDateTime calendarStart(ChronoUnit unit, ZonedDateTime at) {
        switch (unit) {
            case HOURS:
                return at.truncatedTo(ChronoUnit.HOURS);
            case DAYS:
                return at.truncatedTo(ChronoUnit.DAYS);
            case WEEKS:
                return at.truncatedTo(ChronoUnit.DAYS).with(TemporalAdjusters.previousOrSame(DayOfWeek.MONDAY));
            case MONTHS:
                return at.truncatedTo(ChronoUnit.DAYS).withDayOfMonth(1);
            case YEARS:
                return at.truncatedTo(ChronoUnit.DAYS).withDayOfYear(1);
            default:
                throw new IllegalArgumentException(unit.toString());
        }
    }
}
