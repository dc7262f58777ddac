/* Everything that a caller can get wrong without lying about a pointer. Exit code 0: each was answered as the header says.
 *
 * hostile KEYS_FILE STATE_FOLDER LICENSE_KEY */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lictor_client.h"

#define MUST(condition)                                                     \
    do {                                                                    \
        if (!(condition)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            exit(1);                                                        \
        }                                                                   \
    } while (0)

enum { NAME_MAX_BYTES = 4 * 1024, TEXT_MAX_BYTES = 1024 * 1024, JSON_MAX_BYTES = 256 * 1024, RANDOM_TEXTS = 60, THREADS = 4 };

static const char *const ISSUER = "https://license.acme.example";
static char keys[64 * 1024];

/* Cut and overlong sequences, surrogates, beyond the last character, continuation alone. */
static const char *const NO_UTF8[] = {"\xff", "a\x80", "\xc3", "\xe4\xb8", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80"};
enum { NO_UTF8_COUNT = sizeof NO_UTF8 / sizeof *NO_UTF8 };

static char *letters(size_t length) {
    char *text = malloc(length + 1);
    MUST(text != NULL);
    memset(text, 'A', length);
    text[length] = '\0';
    return text;
}

static void configurations(const char *folder) {
    lictor_client *client = (lictor_client *)&keys; /* whatever stood there before */
    char *detail = NULL, *long_name = letters(NAME_MAX_BYTES + 1), *long_keys = letters(JSON_MAX_BYTES + 1);
    MUST(lictor_client_new(NULL, ISSUER, keys, folder, &client, NULL) == LICTOR_NULL_POINTER && client == NULL);
    MUST(lictor_client_new("acme-cad", NULL, keys, folder, &client, NULL) == LICTOR_NULL_POINTER);
    MUST(lictor_client_new("acme-cad", ISSUER, NULL, folder, &client, NULL) == LICTOR_NULL_POINTER);
    MUST(lictor_client_new("acme-cad", ISSUER, keys, NULL, &client, NULL) == LICTOR_NULL_POINTER);
    MUST(lictor_client_new("acme-cad", ISSUER, keys, folder, NULL, &detail) == LICTOR_NULL_POINTER && detail == NULL);
    MUST(lictor_client_new(long_name, ISSUER, keys, folder, &client, NULL) == LICTOR_TOO_LONG);
    MUST(lictor_client_new("acme-cad", long_name, keys, folder, &client, NULL) == LICTOR_TOO_LONG);
    MUST(lictor_client_new("acme-cad", ISSUER, keys, long_name, &client, NULL) == LICTOR_TOO_LONG);
    MUST(lictor_client_new("acme-cad", ISSUER, long_keys, folder, &client, NULL) == LICTOR_TOO_LONG && client == NULL);
    for (int i = 0; i < NO_UTF8_COUNT; i++) {
        MUST(lictor_client_new(NO_UTF8[i], ISSUER, keys, folder, &client, NULL) == LICTOR_INVALID_UTF8);
        MUST(lictor_client_new("acme-cad", ISSUER, NO_UTF8[i], folder, &client, &detail) == LICTOR_INVALID_UTF8 && detail == NULL);
    }
    const char *const refused[] = {"", "{", "{}", "{\"keys\":[]}", "{\"keys\":[{\"kty\":\"OKP\"}]}", "[[[[[[[[[[[[[["};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        MUST(lictor_client_new("acme-cad", ISSUER, refused[i], folder, &client, NULL) == LICTOR_INVALID_CONFIG);
        MUST(lictor_client_new("acme-cad", ISSUER, refused[i], folder, &client, &detail) == LICTOR_INVALID_CONFIG);
        MUST(client == NULL && detail != NULL && strlen(detail) > 0);
        lictor_string_free(detail);
    }
    MUST(lictor_client_new("acme-cad", "https://somebody.else", keys, folder, &client, &detail) == LICTOR_INVALID_CONFIG);
    lictor_string_free(detail);
    free(long_name);
    free(long_keys);
}

static void settings(lictor_client *client) {
    char *long_name = letters(NAME_MAX_BYTES + 1);
    lictor_error (*const by_name[])(lictor_client *, const char *) = {lictor_client_set_server, lictor_client_set_app, lictor_client_set_machine_name};
    for (int i = 0; i < 3; i++) {
        MUST(by_name[i](NULL, "x") == LICTOR_NULL_POINTER);
        MUST(by_name[i](client, NULL) == LICTOR_NULL_POINTER);
        MUST(by_name[i](client, long_name) == LICTOR_TOO_LONG);
        MUST(by_name[i](client, "\xff") == LICTOR_INVALID_UTF8);
    }
    MUST(lictor_client_set_build_released_at(NULL, 0) == LICTOR_NULL_POINTER);
    MUST(lictor_client_set_build_released_at(client, INT64_MIN) == LICTOR_OK);
    MUST(lictor_client_set_time_limit(NULL, 0) == LICTOR_NULL_POINTER);
    MUST(lictor_client_set_test_licenses(NULL) == LICTOR_NULL_POINTER);
    MUST(lictor_client_enforcement(NULL) == LICTOR_ENFORCE && lictor_client_enforcement(client) == LICTOR_ENFORCE);
    MUST(lictor_client_set_clock(client, NULL, NULL) == LICTOR_NULL_POINTER);
    free(long_name);
}

static void verdicts(lictor_verdict *verdict) {
    char *long_name = letters(NAME_MAX_BYTES + 1);
    MUST(lictor_verdict_kind(NULL) == LICTOR_NO_VERDICT && strcmp(lictor_verdict_code(NULL), "no_verdict") == 0);
    MUST(!lictor_verdict_is_granted(NULL) && !lictor_verdict_is_entitled(NULL, "export"));
    MUST(lictor_verdict_ends_at(NULL) == 0 && lictor_verdict_offline_until(NULL) == 0);
    MUST(lictor_verdict_next_action(NULL) == LICTOR_NOTHING);
    char *(*const words[])(const lictor_verdict *, const char *) = {lictor_verdict_reason, lictor_verdict_next_action_reason, lictor_verdict_json};
    for (int i = 0; i < 3; i++) {
        MUST(words[i](NULL, "en") == NULL);
        MUST(words[i](verdict, "\xff") == NULL);
        MUST(words[i](verdict, long_name) == NULL);
        const char *const locales[] = {NULL, "", "z", "zh-CN", "\xe4\xb8\xad"};
        for (int locale = 0; locale < 5; locale++) {
            char *told = words[i](verdict, locales[locale]);
            MUST(told != NULL);
            lictor_string_free(told);
        }
    }
    MUST(!lictor_verdict_is_entitled(verdict, NULL) && !lictor_verdict_is_entitled(verdict, "\xff"));
    free(long_name);
}

/* Numbers that look like chance and are the same every time. */
static unsigned next_number(unsigned *state) {
    *state = *state * 1664525u + 1013904223u;
    return *state >> 16;
}

static void must_be_answered(lictor_client *client, const char *text) {
    lictor_verdict *verdict = NULL;
    lictor_error error = lictor_check(client, text, &verdict);
    MUST(error == LICTOR_OK || error == LICTOR_INVALID_UTF8);
    MUST((error == LICTOR_OK) == (verdict != NULL) && !lictor_verdict_is_granted(verdict));
    lictor_verdict_free(verdict);
    char *json = NULL;
    MUST(lictor_inspect_text(client, text, NULL, &json) == error && (json != NULL) == (error == LICTOR_OK));
    MUST(json == NULL || strstr(json, "\"whole\":true,\"kind\":\"code\"") != NULL || strstr(json, "\"whole\":false") != NULL);
    lictor_string_free(json);
}

static void texts(lictor_client *client, const char *license_key) {
    lictor_verdict *verdict = NULL;
    char *long_text = letters(TEXT_MAX_BYTES + 1);
    MUST(lictor_check(NULL, NULL, &verdict) == LICTOR_NULL_POINTER && lictor_check(client, NULL, NULL) == LICTOR_NULL_POINTER);
    MUST(lictor_activate(client, NULL, &verdict) == LICTOR_NULL_POINTER && lictor_activate(client, NULL, NULL) == LICTOR_NULL_POINTER);
    MUST(lictor_activate(NULL, "x", &verdict) == LICTOR_NULL_POINTER);
    MUST(lictor_maintain(NULL, &verdict) == LICTOR_NULL_POINTER && lictor_maintain(client, NULL) == LICTOR_NULL_POINTER);
    MUST(lictor_release(NULL, NULL) == LICTOR_NULL_POINTER && lictor_release(client, NULL) == LICTOR_UNREACHABLE);
    MUST(lictor_check(client, long_text, &verdict) == LICTOR_TOO_LONG && verdict == NULL);
    char *json = NULL;
    MUST(lictor_inspect_text(client, NULL, NULL, &json) == LICTOR_NULL_POINTER && lictor_inspect_text(NULL, "x", NULL, &json) == LICTOR_NULL_POINTER);
    MUST(lictor_inspect_text(client, "x", "\xff", &json) == LICTOR_INVALID_UTF8 && lictor_inspect_text(client, "x", NULL, NULL) == LICTOR_NULL_POINTER);
    long_text[TEXT_MAX_BYTES] = '\0';
    must_be_answered(client, long_text);
    free(long_text);
    for (int i = 0; i < NO_UTF8_COUNT; i++) MUST(lictor_check(client, NO_UTF8[i], &verdict) == LICTOR_INVALID_UTF8);
    const char *const nonsense[] = {"", " ", ".", "..", "...", "eyJ", "eyJ.e30.", "a.b.c", "-----BEGIN ", "-----BEGIN X-----\n-----END X-----", "/", "/dev/zero", "/dev/stdin",
                                    "\xef\xbb\xbf", "\"", "\xe2\x80\x9c", "{\"token\":1}", "ABCDE-F0123-45678-9GHJK-MNPQR", "%s%n"};
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++) must_be_answered(client, nonsense[i]);
    unsigned state = 1;
    for (int i = 0; i < RANDOM_TEXTS; i++) {
        char text[256];
        size_t length = next_number(&state) % sizeof text;
        for (size_t at = 0; at < length; at++) text[at] = (char)(1 + next_number(&state) % (i % 2 == 0 ? 127 : 255));
        text[length] = '\0';
        must_be_answered(client, text);
    }
    /* The key itself, cut and with one character that is another. */
    char *altered = malloc(strlen(license_key) + 1);
    MUST(altered != NULL);
    for (size_t at = 0; at < strlen(license_key); at += 61) {
        strcpy(altered, license_key);
        altered[at] = altered[at] == 'A' ? 'B' : 'A';
        must_be_answered(client, altered);
        altered[at] = '\0';
        must_be_answered(client, altered);
    }
    free(altered);
}

static void questions(void) {
    char *answer = NULL, *long_question = letters(JSON_MAX_BYTES + 1);
    MUST(lictor_judge(NULL, &answer) == LICTOR_NULL_POINTER && lictor_judge("{}", NULL) == LICTOR_NULL_POINTER);
    MUST(lictor_judge(long_question, &answer) == LICTOR_TOO_LONG && answer == NULL);
    memset(long_question, '[', JSON_MAX_BYTES);
    long_question[JSON_MAX_BYTES] = '\0';
    MUST(lictor_judge(long_question, &answer) == LICTOR_INVALID_QUESTION && answer == NULL);
    free(long_question);
    const char *const nonsense[] = {"", "{", "{}", "null", "{\"id\":\"a\",\"id\":\"a\"}", "{\"id\":\"a\",\"keys\":\"\",\"token\":\"\",\"expect\":{}}"};
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++) MUST(lictor_judge(nonsense[i], &answer) == LICTOR_INVALID_QUESTION);
    for (int i = 0; i < NO_UTF8_COUNT; i++) MUST(lictor_judge(NO_UTF8[i], &answer) == LICTOR_INVALID_UTF8);
    const char *const refused = "{\"id\":\"a\",\"keys\":\"\",\"token\":\"\",\"expect\":{\"typ\":\"license+jwt\",\"now\":1}}";
    MUST(lictor_judge(refused, &answer) == LICTOR_OK && strstr(answer, "unknown_key") != NULL);
    lictor_string_free(answer);
}

static void *use(void *shared) {
    for (int i = 0; i < 5; i++) {
        lictor_verdict *verdict = NULL;
        MUST((i % 5 == 4 ? lictor_maintain(shared, &verdict) : lictor_check(shared, NULL, &verdict)) == LICTOR_OK);
        MUST(lictor_verdict_kind(verdict) == LICTOR_VALID && lictor_verdict_ends_at(verdict) == LICTOR_FOREVER);
        lictor_verdict_free(verdict);
    }
    return NULL;
}

static void threads(lictor_client *client, const char *license_key) {
    lictor_verdict *verdict = NULL;
    pthread_t running[THREADS];
    MUST(lictor_activate(client, license_key, &verdict) == LICTOR_OK && lictor_verdict_kind(verdict) == LICTOR_VALID);
    verdicts(verdict);
    lictor_verdict_free(verdict);
    for (int i = 0; i < THREADS; i++) MUST(pthread_create(&running[i], NULL, use, client) == 0);
    for (int i = 0; i < THREADS; i++) MUST(pthread_join(running[i], NULL) == 0);
}

int main(int count, char **arguments) {
    FILE *file = count == 4 ? fopen(arguments[1], "rb") : NULL;
    if (file == NULL || fread(keys, 1, sizeof keys - 1, file) == 0 || fclose(file) != 0) return 2;
    lictor_client *client = NULL;
    configurations(arguments[2]);
    MUST(lictor_client_new("acme-cad", ISSUER, keys, arguments[2], &client, NULL) == LICTOR_OK);
    settings(client);
    texts(client, arguments[3]);
    questions();
    threads(client, arguments[3]);
    MUST(strcmp(lictor_error_code(LICTOR_INTERNAL), "internal") == 0 && strcmp(lictor_error_code(-1), "unknown") == 0);
    lictor_client_free(client);
    lictor_client_free(NULL);
    lictor_verdict_free(NULL);
    lictor_string_free(NULL);
    return 0;
}
