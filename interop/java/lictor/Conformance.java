package lictor;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Answers the questions of {@code lictor conformance run}: docs/conformance.md. */
final class Conformance {
    private static final Map<String, Keys> PINNED = new HashMap<>();

    public static void main(String[] arguments) throws IOException, Malformed {
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream output = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            Members question = Members.of(StrictJson.parse(line));
            String code = code(question);
            String answer = code == null ? "\"valid\":true,\"code\":null" : "\"valid\":false,\"code\":\"" + code + "\"";
            output.print("{\"id\":" + quoted(question.string("id")) + "," + answer + "}\n");
        }
        output.flush();
    }

    /** null when the token is good. */
    private static String code(Members question) throws Malformed {
        License license = new License(PINNED.computeIfAbsent(question.string("keys"), Conformance::pinned));
        License.StatusList list =
                question.has("status_list") ? new License.StatusList(question.string("status_list"), seen(question)) : null;
        try {
            license.judge(question.string("token"), expected(question.object("expect")), list);
            return null;
        } catch (Refused e) {
            return e.code();
        }
    }

    /** A set that is refused verifies nothing. */
    private static Keys pinned(String set) {
        try {
            return Keys.load(set);
        } catch (IllegalArgumentException e) {
            return Keys.NONE;
        }
    }

    private static License.Seen seen(Members question) throws Malformed {
        if (!question.has("seen")) {
            return null;
        }
        Members seen = question.object("seen");
        String text = seen.has("status_list") ? seen.string("status_list") : null;
        return new License.Seen(seen.integer("seq"), seen.integer("iat"), text);
    }

    private static License.Expected expected(Members expect) throws Malformed {
        List<String> entitlements = new ArrayList<>();
        for (Object entitlement : expect.array("entitlements")) {
            entitlements.add((String) entitlement);
        }
        List<Claims.Quota> quota = new ArrayList<>();
        for (Object need : expect.array("quota")) {
            Members members = Members.of(need);
            quota.add(new Claims.Quota(members.string("metric"), members.amount("amount")));
        }
        Long floor = expect.integerIf("floor");
        return new License.Expected(
                TokenType.of(expect.string("typ")),
                expect.string("iss"),
                expect.string("aud"),
                expect.string("env"),
                expect.integer("now"),
                floor == null ? 0 : floor,
                expect.has("machine") ? machine(expect.object("machine")) : null,
                expect.has("device_key") ? expect.string("device_key") : null,
                entitlements,
                quota);
    }

    private static Map<String, String> machine(Members offered) throws Malformed {
        Map<String, String> machine = new HashMap<>();
        for (Object name : offered.members().keySet()) {
            machine.put((String) name, offered.string((String) name));
        }
        return machine;
    }

    private static String quoted(String text) {
        return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"") + '"';
    }
}
