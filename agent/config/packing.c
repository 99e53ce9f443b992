/* SPDX-License-Identifier: MIT
 *
 * Keys about archives. See packing.h.
 */
#include "config/packing.h"

#include <string.h>

#include "base/glob.h"
#include "base/mem.h"
#include "base/scope.h"

static int add_pattern(struct strvec *list, const char *text, size_t n, const struct setting *at,
                       struct err *e)
{
    SCOPE_FREE char *pattern = xstrndup(text, n);
    const char *bad = glob_bad(pattern);
    if (!bad && list->n == PACKING_MAX_PATTERNS) {
        bad = "is one too many: there may be 64";
    }
    if (bad) {
        return err_set(e, ERR_CONFIG, "%s: %s: the pattern %s %s", at->origin,
                       KEY_SPECS[at->key].name, QUOTED(pattern), bad);
    }
    strvec_take(list, TAKE_PTR(pattern));
    return 0;
}

/* GLOB, GLOB...: blanks around a pattern are none of it. */
static int apply_patterns(struct strvec *out, const struct setting *at, struct err *e)
{
    static const char BLANKS[] = " \t";
    SCOPE(strvec_free) struct strvec list = {0};
    for (const char *p = at->value; p;) {
        size_t whole = strcspn(p, ",");
        size_t lead = strspn(p, BLANKS);
        size_t n = lead < whole ? whole - lead : 0;
        while (n > 0 && strchr(BLANKS, p[lead + n - 1])) {
            n--;
        }
        int rc = add_pattern(&list, p + (n > 0 ? lead : 0), n, at, e);
        if (rc != 0) {
            return rc;
        }
        p = p[whole] ? p + whole + 1 : NULL;
    }
    strvec_free(out);
    *out = list;
    list = (struct strvec){0};
    return 0;
}

static int apply_level(enum pack_level *out, const struct setting *at, struct err *e)
{
    static const char *const LEVELS[] = {
        [PACK_NORMAL] = "normal", [PACK_FAST] = "fast", [PACK_BEST] = "best"};
    for (int i = 0; i <= PACK_BEST; i++) {
        if (strcmp(at->value, LEVELS[i]) == 0) {
            *out = (enum pack_level)i;
            return 0;
        }
    }
    return settings_bad_value(at, "fast, normal or best", e);
}

int packing_apply(struct packing *packing, const struct setting *at, struct err *e)
{
    if (!packing->origin) {
        packing->origin = xasprintf("%s: %s", at->origin, KEY_SPECS[at->key].name);
    }
    switch ((int)at->key) {
    case KEY_OUTPUT_PACK_INCLUDE: return apply_patterns(&packing->include, at, e);
    case KEY_OUTPUT_PACK_EXCLUDE: return apply_patterns(&packing->exclude, at, e);
    case KEY_OUTPUT_PACK_LEVEL: return apply_level(&packing->level, at, e);
    default: return 0;
    }
}
