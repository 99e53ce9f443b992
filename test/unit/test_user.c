/* SPDX-License-Identifier: MIT
 *
 * [run] user, looked up as docker does it, in a made-up /etc.
 */
#include "unit.h"

#include "run/user.h"

static int make_etc(void **state)
{
    int rc = scratch_make(state);
    struct scratch *s = *state;
    write_text(s->fd, "etc/passwd",
               "root:x:0:0:root:/root:/bin/sh\n"
               "# no entry\n"
               "ann:x:1000:100:Ann:/home/ann:/bin/sh\n"
               "bob:x:1001:100::\n"
               "4000:x:1002:102::/home/digits:/bin/sh\n");
    write_text(s->fd, "etc/group",
               "root:x:0:\nusers:x:100:\ndisk:x:6:ann,bob\naudio:x:29:ann\n30:x:300:\n");
    return rc;
}

static void expect(void **state, const char *spec, unsigned uid, unsigned gid, size_t groups,
                   const char *home)
{
    struct scratch *s = *state;
    struct user user;
    struct err e = {0};
    assert_ok(user_lookup(spec, s->path, &user, &e), &e);
    assert_int_equal(user.uid, uid);
    assert_int_equal(user.gid, gid);
    assert_int_equal(user.n_groups, groups);
    assert_string_equal(user.home, home);
    user_free(&user);
}

static void test_lookup(void **state)
{
    expect(state, "ann", 1000, 100, 2, "/home/ann");
    expect(state, "1000", 1000, 100, 2, "/home/ann"); /* a known uid is its user */
    expect(state, "ann:users", 1000, 100, 0, "/home/ann"); /* a named group is the only one */
    expect(state, "ann:6", 1000, 6, 0, "/home/ann");
    expect(state, "ann:30", 1000, 300, 0, "/home/ann"); /* a name before a number */
    expect(state, "bob", 1001, 100, 1, "/");
    expect(state, "5555", 5555, 0, 0, "/");
    expect(state, "5555:77", 5555, 77, 0, "/");
    expect(state, "4000", 1002, 102, 0, "/home/digits"); /* a name before a number */
}

static void test_groups(void **state)
{
    struct scratch *s = *state;
    struct user user;
    struct err e = {0};
    assert_ok(user_lookup("ann", s->path, &user, &e), &e);
    assert_int_equal(user.groups[0], 6);
    assert_int_equal(user.groups[1], 29);
    user_free(&user);
}

static void refuse(void **state, const char *spec, const char *why)
{
    struct scratch *s = *state;
    struct user user = {.uid = 42};
    struct err e = {0};
    assert_failed(user_lookup(spec, s->path, &user, &e), &e, ERR_CONFIG, why);
    assert_contains(e.text, spec);
    assert_int_equal(user.uid, 42); /* untouched on failure */
}

static void test_unknown(void **state)
{
    refuse(state, "carl", "no such user");
    refuse(state, "an", "no such user");
    refuse(state, "", "no such user");
    refuse(state, "-1", "no such user");
    refuse(state, "4294967295", "no such user");
    refuse(state, "10x", "no such user");
    refuse(state, "ann:nobody", "no such group");
    refuse(state, "ann:", "no such group");
    refuse(state, "5555:99999999999", "no such group");
}

static void test_no_databases(void **state)
{
    struct scratch *s = *state;
    (void)unlinkat(s->fd, "etc/passwd", 0);
    (void)unlinkat(s->fd, "etc/group", 0);
    expect(state, "1000:1000", 1000, 1000, 0, "/");
    refuse(state, "ann", "no such user");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lookup, make_etc, scratch_remove),
        cmocka_unit_test_setup_teardown(test_groups, make_etc, scratch_remove),
        cmocka_unit_test_setup_teardown(test_unknown, make_etc, scratch_remove),
        cmocka_unit_test_setup_teardown(test_no_databases, make_etc, scratch_remove),
    };
    return cmocka_run_group_tests_name("user", tests, NULL, NULL);
}
