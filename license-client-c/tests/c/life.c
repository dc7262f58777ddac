/* A program that does what it is told: one command per line of standard input, one JSON object per line of standard output.
 *
 * life KEYS_FILE STATE_FOLDER SERVER_URL
 * now SECONDS | check [TEXT] | activate TEXT | maintain | release */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lictor_client.h"

static char keys[64 * 1024];
static char line[64 * 1024];

static int64_t read_clock(void *context) { return *(const int64_t *)context; }

static void say_error(lictor_error error, const char *code) {
    printf("{\"error\":\"%s\",\"code\":\"%s\"}\n", lictor_error_code(error), code != NULL ? code : "");
}

static void say(lictor_error error, lictor_verdict *verdict) {
    if (error != LICTOR_OK) {
        say_error(error, NULL);
        return;
    }
    char *json = lictor_verdict_json(verdict, "en");
    printf("{\"kind\":%d,\"code\":\"%s\",\"next\":%d,\"granted\":%s,\"export\":%s,\"ends_at\":%lld,\"offline_until\":%lld,"
           "\"json\":%s}\n",
           (int)lictor_verdict_kind(verdict), lictor_verdict_code(verdict), (int)lictor_verdict_next_action(verdict),
           lictor_verdict_is_granted(verdict) ? "true" : "false",
           lictor_verdict_is_entitled(verdict, "export") ? "true" : "false", (long long)lictor_verdict_ends_at(verdict),
           (long long)lictor_verdict_offline_until(verdict), json);
    lictor_string_free(json);
    lictor_verdict_free(verdict);
}

static void obey(lictor_client *client, int64_t *now, const char *command, const char *text) {
    lictor_verdict *verdict = NULL;
    if (strcmp(command, "now") == 0) {
        *now = strtoll(text, NULL, 10);
        printf("{}\n");
    } else if (strcmp(command, "check") == 0) {
        lictor_error error = lictor_check(client, text, &verdict);
        say(error, verdict);
    } else if (strcmp(command, "activate") == 0) {
        lictor_error error = lictor_activate(client, text, &verdict);
        say(error, verdict);
    } else if (strcmp(command, "maintain") == 0) {
        lictor_error error = lictor_maintain(client, &verdict);
        say(error, verdict);
    } else {
        char *code = NULL;
        lictor_error error = lictor_release(client, &code);
        say_error(error, code);
        lictor_string_free(code);
    }
}

int main(int count, char **arguments) {
    static int64_t now = 0;
    lictor_client *client = NULL;
    FILE *file = count == 4 ? fopen(arguments[1], "rb") : NULL;
    if (file == NULL || fread(keys, 1, sizeof keys - 1, file) == 0 || fclose(file) != 0) return 2;
    if (lictor_client_new("acme-cad", "https://license.acme.example", keys, arguments[2], &client, NULL) != LICTOR_OK) return 2;
    if (lictor_client_set_server(client, arguments[3]) != LICTOR_OK) return 2;
    if (lictor_client_set_clock(client, read_clock, &now) != LICTOR_OK) return 2;
    if (lictor_client_set_machine_name(client, "a C program") != LICTOR_OK) return 2;
    if (lictor_client_set_time_limit(client, 5000) != LICTOR_OK) return 2;
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        char *text = strchr(line, ' ');
        if (text != NULL) *text++ = '\0';
        obey(client, &now, line, text);
        fflush(stdout);
    }
    lictor_client_free(client);
    return 0;
}
