/* Speaks the protocol of docs/conformance.md: a question per line of standard input, an answer per line of standard output.
 *
 * The verdicts are those of the Rust verifier, asked through its C ABI: what is shown here is that nothing changes on the
 * way, not a second opinion. */
#include <stdio.h>
#include <string.h>

#include "lictor_client.h"

/* A question has at most 256 KiB; a line end and a zero come after it. */
static char line[256 * 1024 + 2];

int main(void) {
    while (fgets(line, sizeof line, stdin) != NULL) {
        char *answer = NULL;
        line[strcspn(line, "\n")] = '\0';
        lictor_error error = lictor_judge(line, &answer);
        if (error != LICTOR_OK) {
            fprintf(stderr, "%s: %.80s\n", lictor_error_code(error), line);
            return 1;
        }
        puts(answer);
        lictor_string_free(answer);
    }
    return ferror(stdin) != 0;
}
