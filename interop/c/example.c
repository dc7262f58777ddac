/* What a customer's program does about its license, in C.
 *
 * example KEYS_FILE STATE_FOLDER [SERVER_URL [TEXT]]
 * TEXT is what a person pasted: a license key, a claim code, or the path of a file. Without it, what was kept counts.
 * Exit code: 0 licensed, 1 refused, 2 usage or configuration. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lictor_client.h"

enum { LICENSED = 0, REFUSED = 1, USAGE = 2 };

static char keys[64 * 1024]; /* a program that is sold has them compiled in */

static int read_keys(const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) return 0;
    size_t length = fread(keys, 1, sizeof keys - 1, file);
    keys[length] = '\0';
    return fclose(file) == 0 && length > 0;
}

static void say(const lictor_verdict *verdict, const char *locale) {
    char *reason = lictor_verdict_reason(verdict, locale);
    char *next = lictor_verdict_next_action_reason(verdict, locale);
    printf("%s: %s %s\n", lictor_verdict_code(verdict), reason != NULL ? reason : "", next != NULL ? next : "");
    lictor_string_free(reason);
    lictor_string_free(next);
}

static int run(lictor_client *client, const char *pasted) {
    lictor_verdict *verdict = NULL;
    lictor_error error =
        pasted != NULL ? lictor_activate(client, pasted, &verdict) : lictor_check(client, NULL, &verdict);
    if (error != LICTOR_OK) {
        fprintf(stderr, "%s\n", lictor_error_code(error));
        return USAGE;
    }
    const char *locale = getenv("LANG");
    say(verdict, locale != NULL && strncmp(locale, "zh", 2) == 0 ? "zh-CN" : "en");
    int granted = lictor_verdict_is_granted(verdict);
    if (granted && lictor_verdict_is_entitled(verdict, "export")) puts("export is licensed");
    lictor_verdict_free(verdict);
    return granted ? LICENSED : REFUSED;
}

int main(int count, char **arguments) {
    if (count < 3 || !read_keys(arguments[1])) {
        fputs("usage: example KEYS_FILE STATE_FOLDER [SERVER_URL [TEXT]]\n", stderr);
        return USAGE;
    }
    lictor_client *client = NULL;
    char *detail = NULL;
    lictor_error error = lictor_client_new("acme-cad", "https://license.acme.example", keys, arguments[2], &client, &detail);
    if (error == LICTOR_OK && count > 3) error = lictor_client_set_server(client, arguments[3]);
    int exit_code = USAGE;
    if (error == LICTOR_OK) {
        exit_code = run(client, count > 4 ? arguments[4] : NULL);
    } else {
        fprintf(stderr, "%s: %s\n", lictor_error_code(error), detail != NULL ? detail : "");
    }
    lictor_string_free(detail);
    lictor_client_free(client);
    return exit_code;
}
