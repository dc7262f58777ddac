/* How much memory a call takes for a text: one text per line of standard input, one number of bytes per line of
 * standard output. The linker leads every allocation here (-Wl,--wrap).
 *
 * memory KEYS_FILE STATE_FOLDER */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lictor_client.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
int __real_posix_memalign(void **block, size_t alignment, size_t size);
void __real_free(void *block);

static size_t live, peak;

static void *counted(void *block) {
    live += malloc_usable_size(block);
    if (live > peak) peak = live;
    return block;
}

void *__wrap_malloc(size_t size) { return counted(__real_malloc(size)); }
void *__wrap_calloc(size_t count, size_t size) { return counted(__real_calloc(count, size)); }

void *__wrap_realloc(void *block, size_t size) {
    /* Old and new may stand beside each other. */
    size_t old = malloc_usable_size(block);
    block = counted(__real_realloc(block, size));
    live -= old;
    return block;
}

int __wrap_posix_memalign(void **block, size_t alignment, size_t size) {
    int error = __real_posix_memalign(block, alignment, size);
    if (error == 0) counted(*block);
    return error;
}

void __wrap_free(void *block) {
    live -= malloc_usable_size(block);
    __real_free(block);
}

static char keys[64 * 1024];
static char line[2 * 1024 * 1024];

int main(int count, char **arguments) {
    lictor_client *client = NULL;
    FILE *file = count == 3 ? fopen(arguments[1], "rb") : NULL;
    if (file == NULL || fread(keys, 1, sizeof keys - 1, file) == 0 || fclose(file) != 0) return 2;
    if (lictor_client_new("acme-cad", "https://license.acme.example", keys, arguments[2], &client, NULL) != LICTOR_OK) return 2;
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        size_t before = live;
        peak = live;
        lictor_verdict *verdict = NULL;
        char *json = NULL;
        if (lictor_activate(client, line, &verdict) != LICTOR_OK || lictor_inspect_text(client, line, NULL, &json) != LICTOR_OK) return 1;
        size_t most = peak - before;
        lictor_verdict_free(verdict);
        lictor_string_free(json);
        printf("%zu\n", most);
    }
    lictor_client_free(client);
    return 0;
}
