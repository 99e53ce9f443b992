/* SPDX-License-Identifier: MIT
 *
 * Users. See user.h.
 */
#include "run/user.h"

#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/scope.h"
#include "base/str.h"

static void scope_fclose(FILE **f)
{
    if (*f) {
        (void)fclose(*f);
    }
}

static FILE *open_database(const char *root, const char *path)
{
    SCOPE_FREE char *full = xasprintf("%s%s", root, path);
    return fopen(full, "re");
}

/* A decimal id below 2^32 - 1, which means "no id". */
static bool read_id(const char *text, unsigned *id)
{
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || errno || value >= UINT32_MAX) {
        return false;
    }
    *id = (unsigned)value;
    return true;
}

/* The entry whose name is `word`, else whose uid is; `name` (owned) is its name. False: not
 * there. */
static bool find_user(const char *root, const char *word, struct user *out, char **name)
{
    SCOPE(scope_fclose) FILE *f = open_database(root, "/etc/passwd");
    unsigned id;
    bool is_id = read_id(word, &id);
    for (const struct passwd *p = f ? fgetpwent(f) : NULL; p; p = fgetpwent(f)) {
        if (strcmp(p->pw_name, word) == 0 || (is_id && p->pw_uid == id)) {
            out->uid = p->pw_uid;
            out->gid = p->pw_gid;
            out->home = xstrdup(p->pw_dir && *p->pw_dir ? p->pw_dir : "/");
            *name = xstrdup(p->pw_name);
            return true;
        }
    }
    return false;
}

static bool find_group(const char *root, const char *word, gid_t *gid)
{
    SCOPE(scope_fclose) FILE *f = open_database(root, "/etc/group");
    for (const struct group *g = f ? fgetgrent(f) : NULL; g; g = fgetgrent(f)) {
        if (strcmp(g->gr_name, word) == 0) {
            *gid = g->gr_gid;
            return true;
        }
    }
    unsigned id;
    bool ok = read_id(word, &id);
    if (ok) {
        *gid = id;
    }
    return ok;
}

static void add_memberships(const char *root, const char *name, struct user *out)
{
    SCOPE(scope_fclose) FILE *f = open_database(root, "/etc/group");
    for (const struct group *g = f ? fgetgrent(f) : NULL; g; g = fgetgrent(f)) {
        for (char *const *member = g->gr_mem; *member; member++) {
            if (strcmp(*member, name) == 0 && out->n_groups < USER_MAX_GROUPS) {
                out->groups[out->n_groups++] = g->gr_gid;
            }
        }
    }
}

int user_lookup(const char *spec, const char *root, struct user *out, struct err *e)
{
    SCOPE_FREE char *word = xstrndup(spec, strcspn(spec, ":"));
    const char *group = strchr(spec, ':');
    SCOPE(user_free) struct user user = {0};
    SCOPE_FREE char *name = NULL;
    unsigned id;
    if (!find_user(root, word, &user, &name)) {
        if (!read_id(word, &id)) {
            return err_set(e, ERR_CONFIG,
                           "user %s: no such user in /etc/passwd; give a number, or add it",
                           QUOTED(spec));
        }
        user.uid = id;
        user.home = xstrdup("/");
    }
    if (group && !find_group(root, group + 1, &user.gid)) {
        return err_set(e, ERR_CONFIG,
                       "user %s: no such group in /etc/group; give a number, or add it",
                       QUOTED(spec));
    }
    if (!group && name) {
        add_memberships(root, name, &user);
    }
    *out = user;
    user = (struct user){0};
    return 0;
}

void user_free(struct user *user)
{
    free(user->home);
    *user = (struct user){0};
}

int user_become(const struct user *user)
{
    if (setgroups(user->n_groups, user->groups) != 0 || setgid(user->gid) != 0) {
        return -1;
    }
    return setuid(user->uid);
}
