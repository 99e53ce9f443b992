/* SPDX-License-Identifier: MIT
 *
 * Unit tests of store/profile: the shared files of AWS tools.
 */
#include "unit.h"

#include "base/mem.h"
#include "store/profile.h"

static struct err e;

static int setup(void **state)
{
    e = (struct err){0};
    return scratch_make(state);
}

/* From a copy of the exact size, so that a read beyond the end is seen by ASan. */
static int parse(enum profile_kind kind, const char *name, const char *text, size_t n,
                 struct profile *out)
{
    char *copy = malloc(n ? n : 1);
    assert_non_null(copy);
    memcpy(copy, text, n);
    int rc = profile_parse("FILE", kind, name, copy, n, out, &e);
    free(copy);
    return rc;
}

static void same(const char *what, const char *found, const char *expected)
{
    if (!str_same(found, expected)) {
        fail_msg("%s: found %s, expected %s", what, found ? found : "nothing",
                 expected ? expected : "nothing");
    }
}

static const struct {
    enum profile_kind kind;
    const char *name;
    const char *text;
    bool found;
    const char *access_key, *secret_key, *token, *region, *endpoint, *ca_bundle, *needs;
} GOOD[] = {
    {.kind = PROFILE_CREDENTIALS, .name = "default", .text = ""},
    {.name = "default", .text = "[default]", .found = true},
    {.name = "default",
     .text = "[default]\naws_access_key_id = AKID\naws_secret_access_key=a/b+c=\n"
             "aws_session_token = IQoJ//+==\n",
     .found = true,
     .access_key = "AKID",
     .secret_key = "a/b+c=",
     .token = "IQoJ//+=="},
    /* Line ends, a byte order mark, comments, blanks, names in capitals. */
    {.name = "p",
     .text = "\xef\xbb\xbf# first\r\n[p]\r\n\r\n ; x\r\nREGION\t=  eu-west-1\t \r\n",
     .found = true,
     .region = "eu-west-1"},
    {.name = "p", .text = "[ p ] # why\nregion=a-1", .found = true, .region = "a-1"},
    /* No comments behind values. */
    {.name = "p",
     .text = "[p]\naws_secret_access_key = a;b#c\nca_bundle = /a b/#1 ;x.pem\n",
     .found = true,
     .secret_key = "a;b#c",
     .ca_bundle = "/a b/#1 ;x.pem"},
    /* Only the section asked for, and all of them of that name; the last setting wins. */
    {.name = "b",
     .text = "region = none\n[a]\nregion = 1\nnonsense\n[b]\nregion = 2\n[c]\nregion = 3\n"
             "[b]\nregion = 4\nendpoint_url = http://h:9000/?a=b\n",
     .found = true,
     .region = "4",
     .endpoint = "http://h:9000/?a=b"},
    {.name = "a", .text = "[b]\nregion = 2\n"},
    {.name = "p", .text = "[p]\nregion = 1\nregion =\n", .found = true},
    {.name = "A", .text = "[a]\nregion = 1\n"},
    /* Nested settings are another service's. */
    {.name = "p",
     .text = "[p]\ns3 =\n  region = nested\n\n  # note\n  endpoint_url = nested\n  max_queue\n"
             "region = r\n\tregion = more\n",
     .found = true,
     .region = "r"},
    /* All indented alike is not nested, nor is the first line of a section. */
    {.name = "p",
     .text = "[p]\n  region = r\n  ca_bundle = c\n    endpoint_url = nested\n",
     .found = true,
     .region = "r",
     .ca_bundle = "c"},
    {.name = "p", .text = "[o]\nx =\n  [p]\n  region = nested\n"},
    /* A credentials file has no "profile" before its names. */
    {.name = "p", .text = "[profile p]\nregion = 1\n"},
    {.name = "profile p", .text = "[profile p]\nregion = 1\n", .found = true, .region = "1"},
    /* A config file has. */
    {.kind = PROFILE_CONFIG, .name = "p", .text = "[p]\nregion = 1\n"},
    {.kind = PROFILE_CONFIG,
     .name = "p",
     .text = "[profile p]\nregion = 1\n[profilep]\nregion = 2\n[profile]\nregion = 3\n",
     .found = true,
     .region = "1"},
    {.kind = PROFILE_CONFIG,
     .name = "a b",
     .text = "[profile\t\"a b\"]\nregion = 1\n[profile 'a b']\nca_bundle = 2\n",
     .found = true,
     .region = "1",
     .ca_bundle = "2"},
    {.kind = PROFILE_CONFIG,
     .name = "default",
     .text = "[default]\nregion = 1\n",
     .found = true,
     .region = "1"},
    {.kind = PROFILE_CONFIG,
     .name = "default",
     .text = "[default]\nregion = 1\nca_bundle = c\n[profile default]\nregion = 2\n"
             "[default]\nregion = 3\n",
     .found = true,
     .region = "2"},
    {.kind = PROFILE_CONFIG,
     .name = "s",
     .text = "[services s]\ns3 =\n  endpoint_url = nested\nendpoint_url = x\n[sso-session s]\n"
             "sso_start_url = x\n[profile s]\nservices = s\n",
     .found = true},
    /* Keys that come from elsewhere; the role counts more. */
    {.kind = PROFILE_CONFIG,
     .name = "p",
     .text = "[profile p]\ncredential_process = /bin/x\nsso_session = s\n",
     .found = true,
     .needs = "credential_process (FILE:2)"},
    {.kind = PROFILE_CONFIG,
     .name = "p",
     .text = "[profile p]\nsso_start_url = u\nRole_Arn = arn\nsso_session = s\n",
     .found = true,
     .needs = "role_arn (FILE:3)"},
    {.kind = PROFILE_CONFIG, .name = "p", .text = "[profile p]\nrole_arn =\n", .found = true},
};

static void test_good_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(GOOD); i++) {
        struct profile p = {0};
        assert_ok(parse(GOOD[i].kind, GOOD[i].name, GOOD[i].text, strlen(GOOD[i].text), &p), &e);
        same(GOOD[i].text, p.found ? "found" : NULL, GOOD[i].found ? "found" : NULL);
        same(GOOD[i].text, p.access_key, GOOD[i].access_key);
        same(GOOD[i].text, p.secret_key, GOOD[i].secret_key);
        same(GOOD[i].text, p.token, GOOD[i].token);
        same(GOOD[i].text, p.region, GOOD[i].region);
        same(GOOD[i].text, p.endpoint, GOOD[i].endpoint);
        same(GOOD[i].text, p.ca_bundle, GOOD[i].ca_bundle);
        same(GOOD[i].text, p.needs, GOOD[i].needs);
        assert_int_equal(p.needs_wins, p.needs && str_starts(p.needs, "role_arn"));
        profile_free(&p);
    }
}

static const struct {
    const char *text;
    size_t n; /* 0: all of it */
    const char *error;
} BAD[] = {
    {"[p\nregion = 1\n", 0, "FILE:1: a section line ends in ]"},
    {"\n[q\n", 0, "FILE:2: a section line ends in ]"},
    {"[p]\n# x\nSECRET\n", 0, "FILE:3: neither [section] nor key = value"},
    {"[p]\n= SECRET\n", 0, "FILE:2: neither [section] nor key = value"},
    {"[p]\nregion: SECRET\n", 0, "FILE:2: neither [section] nor key = value"},
    {"[p]\naws_secret_access_key = SEC\001RET\n", 0,
     "FILE:2: aws_secret_access_key holds a control character"},
    {"[p]\nREGION = SEC\0RET\n", 21, "FILE:2: region holds a control character"},
    {"[p]\nca_bundle = a\rSECRET\n", 0, "FILE:2: ca_bundle holds a control character"},
};

static void test_bad_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(BAD); i++) {
        struct profile p = {.region = NULL};
        size_t n = BAD[i].n ? BAD[i].n : strlen(BAD[i].text);
        assert_failed(parse(PROFILE_CREDENTIALS, "p", BAD[i].text, n, &p), &e, ERR_CONFIG,
                      BAD[i].error);
        assert_lacks(e.text, "SEC");
        assert_null(p.region);
        assert_false(p.found);
    }
}

/* Tokens are far longer than a line of agent.ini may be. */
static void test_long_values(void **state)
{
    (void)state;
    static const size_t SIZES[] = {199, 200, 2048, 4096, 16384, 16385};
    for (size_t i = 0; i < COUNT(SIZES); i++) {
        struct str text = STR_INIT(0);
        struct str token = STR_INIT(0);
        for (size_t at = 0; at < SIZES[i]; at++) {
            str_putc(&token, "ABCabc/+="[at % 9]);
        }
        str_printf(&text, "[p]\naws_session_token = %s\nregion = r\n", str_text(&token));
        struct profile p = {0};
        int rc = parse(PROFILE_CREDENTIALS, "p", str_text(&text), text.len, &p);
        if (SIZES[i] <= 16384) {
            assert_ok(rc, &e);
            assert_string_equal(p.token, str_text(&token));
            assert_string_equal(p.region, "r");
        } else {
            assert_failed(rc, &e, ERR_CONFIG,
                          "FILE:2: aws_session_token has 16385 bytes, the limit is 16384");
        }
        profile_free(&p);
        str_free(&text);
        str_free(&token);
    }
}

/* Loads with HOME in the scratch folder and up to three more variables. */
static int load(const struct scratch *at, struct profile *out, const char *one, const char *two,
                const char *three)
{
    char *home = xasprintf("HOME=%s", at->path);
    char *environment[5] = {home};
    const char *more[] = {one, two, three};
    size_t n = 1;
    for (size_t i = 0; i < COUNT(more); i++) {
        if (more[i]) {
            environment[n++] = xstrdup(more[i]);
        }
    }
    int rc = profile_load(environment, out, &e);
    for (size_t i = 0; i < n; i++) {
        free(environment[i]);
    }
    return rc;
}

static void test_two_files(void **state)
{
    const struct scratch *at = *state;
    struct profile p = {0};
    write_text(at->fd, ".aws/credentials",
               "[default]\naws_access_key_id = A1\naws_secret_access_key = S1\n"
               "[two]\nregion = r2\naws_session_token = alone\n");
    write_text(at->fd, ".aws/config",
               "[default]\nregion = r1\naws_access_key_id = A9\naws_session_token = T9\n"
               "[profile two]\nregion = r9\nca_bundle = c2\naws_access_key_id = A2\n"
               "aws_secret_access_key = S2\naws_session_token = T2\nrole_arn = x\n");
    assert_ok(load(at, &p, NULL, "AWS_PROFILE=", NULL), &e);
    assert_true(p.found);
    assert_null(p.chosen_by);
    assert_string_equal(p.name, "default");
    assert_string_equal(p.access_key, "A1");
    assert_string_equal(p.secret_key, "S1");
    assert_null(p.token); /* the other file's belongs to the other file's keys */
    assert_string_equal(p.region, "r1");
    profile_free(&p);

    assert_ok(load(at, &p, "AWS_PROFILE=two", "AWS_DEFAULT_PROFILE=three", NULL), &e);
    assert_string_equal(p.chosen_by, "AWS_PROFILE");
    assert_string_equal(p.access_key, "A2");
    assert_string_equal(p.secret_key, "S2");
    assert_string_equal(p.token, "T2");
    assert_string_equal(p.region, "r2");
    assert_string_equal(p.ca_bundle, "c2");
    assert_contains(p.needs, "role_arn (");
    assert_true(p.needs_wins);
    profile_free(&p);

    assert_ok(load(at, &p, "AWS_DEFAULT_PROFILE=three", NULL, NULL), &e);
    assert_string_equal(p.chosen_by, "AWS_DEFAULT_PROFILE");
    assert_string_equal(p.name, "three");
    assert_false(p.found);
    assert_contains(p.places, "/.aws/credentials, /tmp/procagent-unit-");
    profile_free(&p);
}

static void test_where_files_are(void **state)
{
    const struct scratch *at = *state;
    struct profile p = {0};
    char *given = xasprintf("AWS_SHARED_CREDENTIALS_FILE=%s/x", at->path);
    write_text(at->fd, "x", "[default]\nregion = r\n");
    assert_ok(load(at, &p, given, NULL, NULL), &e);
    assert_string_equal(p.region, "r");
    assert_contains(p.places, "/x, ");
    assert_contains(p.places, "/.aws/config (not there)");
    profile_free(&p);

    write_text(at->fd, "y", "[default]\nregion = home\n");
    assert_ok(load(at, &p, "AWS_CONFIG_FILE=~/y", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", NULL),
              &e);
    assert_string_equal(p.region, "home");
    profile_free(&p);

    char *none[] = {NULL};
    assert_ok(profile_load(none, &p, &e), &e);
    assert_false(p.found);
    assert_string_equal(p.places, "no file: HOME is not set");
    profile_free(&p);

    assert_failed(load(at, &p, "AWS_CONFIG_FILE=/dev/zero", NULL, NULL), &e, ERR_CONFIG,
                  "/dev/zero: larger than 1048576 bytes");
    assert_failed(load(at, &p, "AWS_CONFIG_FILE=/tmp", NULL, NULL), &e, ERR_CONFIG,
                  "/tmp: Is a directory");
    write_text(at->fd, "x", "[default]\nregion\n");
    assert_failed(load(at, &p, given, NULL, NULL), &e, ERR_CONFIG, "/x:2: neither");
    free(given);
}

/* Root's HOME stays set for other users of an image; a file that was named is another matter. */
static void test_files_of_others(void **state)
{
    const struct scratch *at = *state;
    struct profile p = {0};
    char *given = xasprintf("AWS_CONFIG_FILE=%s/.aws/config", at->path);
    write_text(at->fd, ".aws/config", "[default]\nregion = r\n");
    assert_int_equal(fchmodat(at->fd, ".aws", 0, 0), 0);
    uid_t me = geteuid();
    if (me == 0) { /* whom no mode keeps out */
        assert_int_equal(fchmodat(at->fd, ".", 0755, 0), 0);
        assert_int_equal(seteuid(65534), 0);
    }
    int usual = load(at, &p, NULL, NULL, NULL);
    struct err first = e;
    struct profile q = {0};
    int named = load(at, &q, given, NULL, NULL);
    assert_int_equal(seteuid(me), 0);
    assert_int_equal(fchmodat(at->fd, ".aws", 0755, 0), 0);
    assert_ok(usual, &first);
    assert_false(p.found);
    assert_contains(p.places, "/.aws/config (may not be read)");
    assert_failed(named, &e, ERR_CONFIG, "/.aws/config: Permission denied");
    profile_free(&p);
    free(given);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_files),
        cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_long_values),
        cmocka_unit_test_setup_teardown(test_two_files, setup, scratch_remove),
        cmocka_unit_test_setup_teardown(test_where_files_are, setup, scratch_remove),
        cmocka_unit_test_setup_teardown(test_files_of_others, setup, scratch_remove),
    };
    return cmocka_run_group_tests_name("profile", tests, NULL, NULL);
}
