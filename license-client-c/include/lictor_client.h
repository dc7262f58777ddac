/* lictor_client.h - checks lictor licenses in C and in whatever calls C: paste or claim, activate, stay offline, renew.
 *
 *     lictor_client *client = NULL;
 *     lictor_verdict *verdict = NULL;
 *     if (lictor_client_new("acme-cad", "https://license.acme.example", keys, "/var/lib/acme-cad", &client, NULL) != LICTOR_OK)
 *         return 2;
 *     lictor_client_set_server(client, "https://license.acme.example");
 *     if (lictor_check(client, NULL, &verdict) == LICTOR_OK && lictor_verdict_is_granted(verdict))
 *         run();
 *     lictor_verdict_free(verdict);
 *     lictor_client_free(client);
 *
 * Link liblictor_client.so, or liblictor_client.a with -lgcc_s -lutil -lrt -lpthread -lm -ldl -lc (Linux). A whole program
 * is interop/c/example.c.
 *
 * Rules
 *
 * Texts     const char * that you hand in is UTF-8, ends with a zero and stays as it is during the call. A name, address,
 *           folder or locale has at most 4 KiB, a text that was pasted 1 MiB, JSON 256 KiB.
 * Answers   T ** is a place for an answer. It is set to NULL first, and to the answer when the call returns LICTOR_OK.
 * Memory    char * that you are given is yours: free it with lictor_string_free, never with free. const char * that you are
 *           given is the library's: it lives as long as the program. Handles have free functions of their own. Each of them
 *           takes NULL, and nothing may be freed twice.
 * Threads   Any thread may call anything at any time, on handles of its own and on shared ones, but for the calls that
 *           change or free a handle (lictor_client_set_..., ..._free): no other call may use that handle meanwhile. The
 *           library starts no thread that lives longer than the call, and has no global state.
 * Waiting   lictor_check waits for the network only while no license holds; lictor_activate, lictor_maintain and
 *           lictor_release may wait for it. Each request takes at most the time limit, and after one that fails no other
 *           follows.
 * Mistakes  NULL, text that is no UTF-8 or too long, and a configuration that cannot work are answered by a lictor_error,
 *           and nothing is changed. A mistake in the library itself is LICTOR_INTERNAL; it never unwinds into your code.
 * Versions  Names and numbers in this file stay. New functions and enumerators may be added: give a switch a default that
 *           refuses.
 */
#ifndef LICTOR_CLIENT_H
#define LICTOR_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Why a call did nothing. */
typedef enum lictor_error {
    LICTOR_OK = 0,               /* the call did what it should */
    LICTOR_NULL_POINTER = 1,     /* a pointer that is needed is NULL */
    LICTOR_INVALID_UTF8 = 2,     /* a text is not UTF-8 */
    LICTOR_TOO_LONG = 3,         /* a text is longer than its limit */
    LICTOR_INVALID_CONFIG = 4,   /* the configuration cannot work: its keys, or its issuer */
    LICTOR_INVALID_QUESTION = 5, /* no question of the conformance protocol */
    LICTOR_UNREACHABLE = 6,      /* no server is configured, or it cannot be reached */
    LICTOR_REFUSED = 7,          /* the server says no */
    LICTOR_INTERNAL = 8          /* a mistake in this library; handles can still be used and freed */
} lictor_error;

/* What the software may do now. Zero is no verdict, so that memory that was never set says nothing good. */
typedef enum lictor_kind {
    LICTOR_NO_VERDICT = 0,     /* there is none: the handle is NULL */
    LICTOR_VALID = 1,          /* go on */
    LICTOR_EXPIRING = 2,       /* go on, and say that the end is near */
    LICTOR_GRACE = 3,          /* go on for now: the license has ended, its grace has not */
    LICTOR_NEEDS_KEY = 4,      /* no license yet, or one that must first be activated */
    LICTOR_EXPIRED = 5,        /* the license or the lease is over */
    LICTOR_UPDATES_ENDED = 6,  /* the license holds, but not for a build that is this new */
    LICTOR_SUSPENDED = 7,      /* stopped; can be resumed by the seller */
    LICTOR_SUPERSEDED = 8,     /* replaced by another license key */
    LICTOR_REVOKED = 9,        /* ended for good */
    LICTOR_WRONG_MACHINE = 10, /* activated on another machine */
    LICTOR_MACHINE_LIMIT = 11, /* every place is taken */
    LICTOR_CLOCK_SUSPECT = 12, /* the clock cannot be right */
    LICTOR_STATUS_STALE = 13,  /* the license must be confirmed by a fresh status list */
    LICTOR_MALFORMED = 14      /* no license of this product */
} lictor_kind;

/* What the person in front of the software can do. */
typedef enum lictor_next_action {
    LICTOR_NOTHING = 0,
    LICTOR_PASTE_CURRENT_KEY = 1,
    LICTOR_RENEW = 2,
    LICTOR_RELEASE_A_MACHINE = 3,
    LICTOR_SET_CLOCK = 4,
    LICTOR_GO_ONLINE = 5,
    LICTOR_CONTACT_SELLER = 6,
    LICTOR_RETRY = 7
} lictor_next_action;

/* What the seller asks of software that was refused. Zero is the strictest. */
typedef enum lictor_enforcement {
    LICTOR_ENFORCE = 0, /* it stops */
    LICTOR_WARN = 1,    /* it goes on and says so */
    LICTOR_ADVISE = 2   /* it goes on and only records it */
} lictor_enforcement;

/* lictor_verdict_ends_at and lictor_verdict_offline_until of what has no end. */
#define LICTOR_FOREVER INT64_MAX

typedef struct lictor_client lictor_client;   /* a configuration */
typedef struct lictor_verdict lictor_verdict; /* a verdict; it never changes */

/* A clock: Unix seconds. Any thread may call it, several at once. */
typedef int64_t (*lictor_clock)(void *context);

/* ---- Configuration: made once at start-up ---- */

/* product: `aud` of its tokens. issuer: `iss` of its tokens. keys: what `lictor keys public` prints. state_dir: a folder that
 * is this product's and lasts over restarts; it is made when needed. detail: NULL, or a place for a sentence to developers
 * that says why LICTOR_INVALID_CONFIG was returned. */
lictor_error lictor_client_new(const char *product, const char *issuer, const char *keys, const char *state_dir, lictor_client **client, char **detail);
void lictor_client_free(lictor_client *client);

/* The license server, such as "https://license.acme.example". Without one nothing ever goes online. */
lictor_error lictor_client_set_server(lictor_client *client, const char *url);
/* Prefix of the environment variables (<PREFIX>_LICENSE_KEY ...), in place of the product in capitals. */
lictor_error lictor_client_set_app(lictor_client *client, const char *prefix);
/* What people call this machine. Default: the host's name. */
lictor_error lictor_client_set_machine_name(lictor_client *client, const char *name);
/* When this build was released: a license whose updates ended before does not cover it. */
lictor_error lictor_client_set_build_released_at(lictor_client *client, int64_t unix_seconds);
/* Longest wait for one answer of the server. Default: 10,000. */
lictor_error lictor_client_set_time_limit(lictor_client *client, uint32_t milliseconds);
/* Takes test licenses in place of live ones. */
lictor_error lictor_client_set_test_licenses(lictor_client *client);
/* Another clock than the system's. context is handed to it and must live as long as the client. */
lictor_error lictor_client_set_clock(lictor_client *client, lictor_clock now, void *context);

/* ---- The calls ---- */

/* Whether this software may run here and now. text: NULL, or what a person pasted: a license key, certificate, claim code,
 * authorization code, armour around one of them, or the path of a file with one. Without it <APP>_LICENSE_KEY and
 * <APP>_LICENSE_FILE count, then what was kept. */
lictor_error lictor_check(const lictor_client *client, const char *text, lictor_verdict **verdict);
/* As lictor_check, with a text that is needed: takes it, redeems a code, and takes a place for this machine. */
lictor_error lictor_activate(const lictor_client *client, const char *text, lictor_verdict **verdict);
/* Does what needs the network: renews the license here when its time has come, and fetches the status lists. Call it now
 * and then, hourly is plenty, from a place that may wait. The answer is the verdict afterwards. */
lictor_error lictor_maintain(const lictor_client *client, lictor_verdict **verdict);
/* Gives this machine's place back, so that another can take it, and forgets the license here. code: NULL, or a place for the
 * server's code when LICTOR_REFUSED was returned. */
lictor_error lictor_release(const lictor_client *client, char **code);
/* What the seller asks of software that was refused, as it is signed into the license that is kept here; where none can be
 * read, to stop. It waits for nothing. */
lictor_enforcement lictor_client_enforcement(const lictor_client *client);
/* Whether a text that a person pasted came over whole; nothing is kept, and no server is asked. json: one object, {"whole":true,
 * "kind":"license_key"|"certificate"|"key_set"|"code"} or {"whole":false,"code","reason"} with "part", "line" and "column" where the
 * damage can be located. */
lictor_error lictor_inspect_text(const lictor_client *client, const char *text, const char *locale, char **json);

/* ---- What a verdict says ---- */

lictor_kind lictor_verdict_kind(const lictor_verdict *verdict);
/* The word of the kind, such as "valid", for logs and programs. */
const char *lictor_verdict_code(const lictor_verdict *verdict);
/* Whether the software may go on: valid, expiring or grace. */
bool lictor_verdict_is_granted(const lictor_verdict *verdict);
/* Whether it may go on and a named feature is granted. */
bool lictor_verdict_is_entitled(const lictor_verdict *verdict, const char *entitlement);
/* End of a granted license without grace, in Unix seconds; LICTOR_FOREVER, or 0 where nothing is granted. */
int64_t lictor_verdict_ends_at(const lictor_verdict *verdict);
/* How long a granted license holds without the server, grace included; likewise. */
int64_t lictor_verdict_offline_until(const lictor_verdict *verdict);
lictor_next_action lictor_verdict_next_action(const lictor_verdict *verdict);
/* One sentence for people, in Chinese for a locale of zh..., else in English; so for a NULL locale. */
char *lictor_verdict_reason(const lictor_verdict *verdict, const char *locale);
/* What to do about it, as a sentence for people; empty when there is nothing to do. */
char *lictor_verdict_next_action_reason(const lictor_verdict *verdict, const char *locale);
/* One JSON object: verdict, granted, reason, next_action, and of a granted license license_id, sku, entitlements, ends_at
 * and offline_until. */
char *lictor_verdict_json(const lictor_verdict *verdict, const char *locale);
void lictor_verdict_free(lictor_verdict *verdict);

/* ---- One token by itself ---- */

/* Judges one token with given keys and expectations: a question of the conformance protocol (docs/conformance.md), as one
 * JSON object, and its answer. Nothing is read or kept. For tests and tools; software that is sold calls lictor_check. */
lictor_error lictor_judge(const char *question, char **answer);

/* ---- Beside ---- */

/* The word of a lictor_error, for logs. */
const char *lictor_error_code(int32_t error);
/* Frees a text that this library gave out. */
void lictor_string_free(char *text);

#ifdef __cplusplus
}
#endif

#endif
