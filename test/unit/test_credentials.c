/* SPDX-License-Identifier: MIT
 *
 * Unit tests of store/credentials: which provider is asked, with what, and that no error shows a
 * secret. HTTP is a table: nothing leaves the process.
 */
#include "unit.h"

#include "base/clock.h"
#include "base/mem.h"
#include "store/credentials.h"

static struct err e;

/* What the fake endpoint expects and answers. */
static struct fake {
    const char *url;
    const char *header;
    long status;
    const char *body;
    size_t body_size; /* 0: the text's */
    int code;         /* not 0: there is no answer, but this error */
    int calls;
} fake;

static int fetch(void *ctx, const char *url, const char *authorization, struct str *body,
                 long *status, struct err *err)
{
    struct fake *f = ctx;
    f->calls++;
    if (f->url) {
        assert_string_equal(url, f->url);
    }
    if (!str_same(authorization, f->header)) {
        fail_msg("header %s, expected %s", authorization ? authorization : "none",
                 f->header ? f->header : "none");
    }
    if (f->code) {
        return err_set(err, (enum err_code)f->code, "no answer");
    }
    str_add(body, f->body, f->body_size ? f->body_size : strlen(f->body));
    *status = f->status;
    return 0;
}

static int setup(void **state)
{
    e = (struct err){0};
    fake = (struct fake){.status = 200};
    return scratch_make(state);
}

enum { MAX_VARIABLES = 6 };

/* Finds with these variables alone; a "$" in one stands for the scratch folder. */
static int find(const struct scratch *at, const char *const *variables, struct credentials *out)
{
    struct strvec environment = {0};
    strvec_take(&environment, xasprintf("HOME=%s", at->path));
    for (size_t i = 0; i < MAX_VARIABLES && variables[i]; i++) {
        const char *mark = strchr(variables[i], '$');
        strvec_take(&environment, mark ? xasprintf("%.*s%s%s", (int)(mark - variables[i]),
                                                   variables[i], at->path, mark + 1)
                                       : xstrdup(variables[i]));
    }
    int rc = credentials_find(out, environment.v, fetch, &fake, &e);
    strvec_free(&environment);
    return rc;
}

static void same(size_t row, const char *what, const char *found, const char *expected)
{
    if (!str_same(found, expected)) {
        fail_msg("row %zu: %s: found %s, expected %s", row, what, found ? found : "nothing",
                 expected ? expected : "nothing");
    }
}

#define RELATIVE "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI="
#define FULL "AWS_CONTAINER_CREDENTIALS_FULL_URI="
#define HEADER "AWS_CONTAINER_AUTHORIZATION_TOKEN="
#define HEADER_FILE "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE="
#define KEYS "AWS_ACCESS_KEY_ID=EID", "AWS_SECRET_ACCESS_KEY=EHUSH"

static const char ANSWER[] = "{\"AccessKeyId\":\"CID\",\"SecretAccessKey\":\"CHUSH/+=\","
                             "\"Token\":\"CTOKEN\",\"RoleArn\":\"x\"}";

static void write_profiles(const struct scratch *at)
{
    write_text(at->fd, ".aws/credentials",
               "[default]\naws_access_key_id = DID\naws_secret_access_key = DHUSH\n"
               "[other]\naws_access_key_id = OID\naws_secret_access_key = OHUSH\n"
               "aws_session_token = OTOKEN\n");
    write_text(at->fd, ".aws/config",
               "[profile half]\naws_access_key_id = HID\n"
               "[profile half2]\naws_secret_access_key = HHUSH\n"
               "[profile bad]\naws_access_key_id = BID\naws_secret_access_key = BHU SH\n"
               "[profile sso]\nsso_session = s\n"
               "[profile both]\nsso_session = s\naws_access_key_id = BID\n"
               "aws_secret_access_key = BHUSH\n"
               "[profile role]\nrole_arn = r\naws_access_key_id = RID\n"
               "aws_secret_access_key = RHUSH\n"
               "[profile process]\ncredential_process = /bin/x\n"
               "[profile region]\nregion = x\n");
}

/* Who wins; a container's answer is always there. */
static const struct {
    const char *variables[MAX_VARIABLES];
    const char *access_key, *secret_key, *token, *source;
} ORDER[] = {
    {{KEYS}, "EID", "EHUSH", NULL, "environment"},
    {{KEYS, "AWS_SESSION_TOKEN=ETOKEN"}, "EID", "EHUSH", "ETOKEN", "environment"},
    {{KEYS, "AWS_SESSION_TOKEN="}, "EID", "EHUSH", NULL, "environment"},
    {{KEYS, RELATIVE "/v2/x", "AWS_PROFILE=other"}, "EID", "EHUSH", NULL, "environment"},
    {{RELATIVE "/v2/x"}, "CID", "CHUSH/+=", "CTOKEN", "container"},
    {{RELATIVE "/v2/x", "AWS_PROFILE=", "AWS_ACCESS_KEY_ID="},
     "CID",
     "CHUSH/+=",
     "CTOKEN",
     "container"},
    {{RELATIVE "/v2/x", "AWS_PROFILE=other"}, "OID", "OHUSH", "OTOKEN", "profile other"},
    {{FULL "http://localhost/x", "AWS_DEFAULT_PROFILE=other"},
     "OID",
     "OHUSH",
     "OTOKEN",
     "profile other"},
    {{RELATIVE "/v2/x", "AWS_PROFILE=default"}, "DID", "DHUSH", NULL, "profile default"},
    {{RELATIVE "", FULL ""}, "DID", "DHUSH", NULL, "profile default"},
    {{NULL}, "DID", "DHUSH", NULL, "profile default"},
    {{"AWS_PROFILE=both"}, "BID", "BHUSH", NULL, "profile both"},
};

static void test_order(void **state)
{
    const struct scratch *at = *state;
    write_profiles(at);
    fake.body = ANSWER;
    for (size_t i = 0; i < COUNT(ORDER); i++) {
        struct credentials c = {0};
        fake.calls = 0;
        assert_ok(find(at, ORDER[i].variables, &c), &e);
        same(i, "access key", c.access_key, ORDER[i].access_key);
        same(i, "secret key", c.secret_key, ORDER[i].secret_key);
        same(i, "token", c.token, ORDER[i].token);
        same(i, "source", c.source, ORDER[i].source);
        assert_int_equal(c.expires_ns, 0);
        assert_false(credentials_expiring(&c, INT64_MAX));
        assert_int_equal(fake.calls, strcmp(c.source, "container") == 0);
        credentials_free(&c);
    }
}

static const struct {
    const char *variables[MAX_VARIABLES];
    const char *error;
    const char *more;
} WRONG[] = {
    {{"AWS_ACCESS_KEY_ID=EID"},
     "environment: AWS_ACCESS_KEY_ID is there and AWS_SECRET_ACCESS_KEY is missing",
     "both or none"},
    {{"AWS_SECRET_ACCESS_KEY=EHUSH", "AWS_PROFILE=other"},
     "environment: AWS_SECRET_ACCESS_KEY is there and AWS_ACCESS_KEY_ID is missing",
     "both or none"},
    {{"AWS_ACCESS_KEY_ID=EHUSH ", "AWS_SECRET_ACCESS_KEY=EHUSH"},
     "environment: AWS_ACCESS_KEY_ID holds a blank",
     "not shown"},
    {{"AWS_ACCESS_KEY_ID=EID", "AWS_SECRET_ACCESS_KEY=EHUSH\n"},
     "AWS_SECRET_ACCESS_KEY holds a blank, a line break",
     "copy it again"},
    {{KEYS, "AWS_SESSION_TOKEN=HUSH\xc3\xa9"}, "AWS_SESSION_TOKEN holds a blank", "not shown"},
    {{"AWS_PROFILE=nobody"},
     "AWS_PROFILE: profile \"nobody\" is not there; looked at /tmp/procagent-unit-",
     "its section is [profile nobody]"},
    {{"AWS_DEFAULT_PROFILE=region", RELATIVE "/x"},
     "AWS_DEFAULT_PROFILE: profile \"region\" has no aws_access_key_id",
     "/.aws/config"},
    {{"AWS_PROFILE=half"},
     "aws_access_key_id is there and aws_secret_access_key is missing",
     "half"},
    {{"AWS_PROFILE=half2"},
     "aws_secret_access_key is there and aws_access_key_id is missing",
     "half"},
    {{"AWS_PROFILE=bad"}, "aws_secret_access_key holds a blank", "profile \"bad\" in "},
    {{"AWS_PROFILE=sso"},
     "profile \"sso\" gets its keys by sso_session (/tmp/procagent-unit-",
     "aws configure export-credentials --profile sso --format env"},
    {{"AWS_PROFILE=process"}, "by credential_process (", "which procagent does not do"},
    {{"AWS_PROFILE=role"}, "by role_arn (", "export-credentials"},
    {{"AWS_CONFIG_FILE=$"}, "Is a directory", "/tmp/procagent-unit-"},
    {{"HOME=/nowhere/home", "AWS_SHARED_CREDENTIALS_FILE=$/a", "AWS_CONFIG_FILE=$/b",
      "AWS_WEB_IDENTITY_TOKEN_FILE=/x"},
     "no AWS credentials: looked at AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, at "
     "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and AWS_CONTAINER_CREDENTIALS_FULL_URI, and for "
     "profile \"default\" in /tmp/procagent-unit-",
     "/b (not there); AWS_WEB_IDENTITY_TOKEN_FILE is set"},
};

static void test_errors(void **state)
{
    const struct scratch *at = *state;
    write_profiles(at);
    for (size_t i = 0; i < COUNT(WRONG); i++) {
        struct credentials c = {.access_key = NULL};
        assert_failed(find(at, WRONG[i].variables, &c), &e, ERR_CONFIG, WRONG[i].error);
        assert_contains(e.text, WRONG[i].more);
        assert_lacks(e.text, "HU");
        assert_null(c.access_key);
    }
    assert_int_equal(fake.calls, 0);
}

static void test_limits(void **state)
{
    const struct scratch *at = *state;
    char *token = xasprintf("AWS_SESSION_TOKEN=%016384d", 0);
    char *more = xasprintf("AWS_SESSION_TOKEN=%016385d", 0);
    char *id = xasprintf("AWS_ACCESS_KEY_ID=%01025d", 0);
    struct credentials c = {0};
    assert_ok(find(at, (const char *[]){KEYS, token, NULL}, &c), &e);
    assert_int_equal(strlen(c.token), 16384);
    credentials_free(&c);
    assert_failed(find(at, (const char *[]){KEYS, more, NULL}, &c), &e, ERR_CONFIG,
                  "AWS_SESSION_TOKEN has 16385 bytes, the limit is 16384");
    assert_failed(find(at, (const char *[]){id, "AWS_SECRET_ACCESS_KEY=x", NULL}, &c), &e,
                  ERR_CONFIG, "AWS_ACCESS_KEY_ID has 1025 bytes, the limit is 1024");
    free(token);
    free(more);
    free(id);
}

/* ---- the container ---- */

static const struct {
    const char *variables[MAX_VARIABLES];
    const char *url;
    const char *header;
} ASKED[] = {
    {{RELATIVE "/v2/credentials/1-2"}, "http://169.254.170.2/v2/credentials/1-2", NULL},
    {{RELATIVE "/v2?x=y", FULL "http://evil/", HEADER "Basic abc"},
     "http://169.254.170.2/v2?x=y",
     "Basic abc"},
    {{FULL "http://127.0.0.1:8080/x"}, "http://127.0.0.1:8080/x", NULL},
    {{FULL "http://127.255.3.4"}, "http://127.255.3.4", NULL},
    {{FULL "HTTP://LocalHost:1?x"}, "HTTP://LocalHost:1?x", NULL},
    {{FULL "http://169.254.170.2/x"}, "http://169.254.170.2/x", NULL},
    {{FULL "http://169.254.170.23/v1/credentials", HEADER_FILE "$/token", HEADER "other"},
     "http://169.254.170.23/v1/credentials",
     "from the file"},
    {{FULL "http://[::1]/x"}, "http://[::1]/x", NULL},
    {{FULL "http://[fd00:ec2::23]:80/x"}, "http://[fd00:ec2::23]:80/x", NULL},
    {{FULL "http://[fd00:0ec2:0::0023]/"}, "http://[fd00:0ec2:0::0023]/", NULL},
    {{FULL "https://keys.example.org/x", HEADER ""}, "https://keys.example.org/x", NULL},
    {{FULL "https://my_host:65535/x@y"}, "https://my_host:65535/x@y", NULL},
};

static void test_what_is_asked(void **state)
{
    const struct scratch *at = *state;
    write_text(at->fd, "token", "from the file\r\n");
    for (size_t i = 0; i < COUNT(ASKED); i++) {
        struct credentials c = {0};
        fake = (struct fake){
            .url = ASKED[i].url, .header = ASKED[i].header, .status = 200, .body = ANSWER};
        assert_ok(find(at, ASKED[i].variables, &c), &e);
        assert_int_equal(fake.calls, 1);
        assert_string_equal(c.source, "container");
        credentials_free(&c);
    }
}

static const struct {
    const char *variables[MAX_VARIABLES];
    const char *error;
} NOT_ASKED[] = {
    {{RELATIVE "v2/HUSH"}, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not begin with /"},
    {{RELATIVE "@evil/HUSH"}, "RELATIVE_URI does not begin with /"},
    {{RELATIVE "3/HUSH"}, "RELATIVE_URI does not begin with /"},
    {{RELATIVE "/HUSH\r\nHost: x"}, "RELATIVE_URI holds a blank"},
    {{FULL "ftp://127.0.0.1/HUSH"}, "FULL_URI is no http:// or https:// URL"},
    {{FULL "/HUSH"}, "FULL_URI is no http:// or https:// URL"},
    {{FULL "http://keys.example.org/HUSH"}, "host \"keys.example.org\" is asked for keys over"},
    {{FULL "http://169.254.169.254/HUSH"}, "host \"169.254.169.254\""},
    {{FULL "http://169.254.170.22/HUSH"}, "host \"169.254.170.22\""},
    {{FULL "http://128.0.0.1/HUSH"}, "host \"128.0.0.1\""},
    {{FULL "http://127.1/HUSH"}, "host \"127.1\""},
    {{FULL "http://0177.0.0.1/HUSH"}, "host \"0177.0.0.1\""},
    {{FULL "http://127.0.0.1.example.org/HUSH"}, "host \"127.0.0.1.example.org\""},
    {{FULL "http://localhost.example.org/HUSH"}, "host \"localhost.example.org\""},
    {{FULL "http://[::2]/HUSH"}, "host \"[::2]\""},
    {{FULL "http://[fd00:ec2::24]/HUSH"}, "host \"[fd00:ec2::24]\""},
    {{FULL "http://[127.0.0.1]/HUSH"}, "host \"[127.0.0.1]\""},
    {{FULL "http://localhost"
           "@evil/HUSH"},
     "FULL_URI has no plain host"},
    {{FULL "http://localhost:80"
           "@evil/HUSH"},
     "FULL_URI has no plain host"},
    {{FULL "http://localhost\\"
           "@evil/HUSH"},
     "FULL_URI has no plain host"},
    {{FULL "http://local%68ost/HUSH"}, "FULL_URI has no plain host"},
    {{FULL "https://HUSH:HUSH"
           "@example.org/"},
     "FULL_URI has no plain host"},
    {{FULL "http://localhost:/HUSH"}, "FULL_URI has no plain host"},
    {{FULL "http://localhost:123456/HUSH"}, "FULL_URI has no plain host"},
    {{FULL "http://[::1/HUSH"}, "FULL_URI has no plain host"},
    {{FULL "http://[::1]x/HUSH"}, "FULL_URI has no plain host"},
    {{FULL "http:///HUSH"}, "FULL_URI has no plain host"},
    {{FULL "http://"}, "FULL_URI has no plain host"},
    {{FULL "http://localhost/HU SH"}, "FULL_URI holds a blank"},
    {{RELATIVE "/x", HEADER "HUSH\r\nX: y"}, "TOKEN: the token holds a control character"},
    {{RELATIVE "/x", HEADER_FILE "$/none"}, "TOKEN_FILE: no such file: /tmp/procagent-unit-"},
    {{RELATIVE "/x", HEADER_FILE "$/empty", HEADER "HUSH"}, "TOKEN_FILE: the token is empty"},
    {{RELATIVE "/x", HEADER_FILE "$/two"}, "TOKEN_FILE: the token holds a control character"},
    {{RELATIVE "/x", HEADER_FILE "/dev/zero"}, "TOKEN_FILE: /dev/zero: larger than 16384 bytes"},
    {{RELATIVE "/x", HEADER_FILE "$"}, ": Is a directory"},
};

static void test_what_is_not_asked(void **state)
{
    const struct scratch *at = *state;
    write_profiles(at); /* a container that does not work is no reason to be somebody else */
    write_text(at->fd, "empty", "\n");
    write_text(at->fd, "two", "HUSH\nHUSH\n");
    for (size_t i = 0; i < COUNT(NOT_ASKED); i++) {
        struct credentials c = {0};
        assert_failed(find(at, NOT_ASKED[i].variables, &c), &e, ERR_CONFIG, NOT_ASKED[i].error);
        assert_lacks(e.text, "HU");
        assert_int_equal(fake.calls, 0);
        assert_null(c.access_key);
    }
}

#define PAIR "\"AccessKeyId\":\"HUSHID\",\"SecretAccessKey\":\"HUSHKEY\""

static const struct {
    long status;
    const char *body;
    const char *error;
} REFUSED[] = {
    {400, "{\"code\":\"InvalidId\",\"message\":\"no \\\"task\\\" for HUSHHEADER at /v2/HUSHPATH\"}",
     "the endpoint answered 400 without keys, saying \"InvalidId: no \"task\" for "
     "$AWS_CONTAINER_AUTHORIZATION_TOKEN at $AWS_CONTAINER_CREDENTIALS_RELATIVE_URI\""},
    {403, "{\"code\":7,\"message\":\"why\\n\"}", "403 without keys, saying \"why"},
    {500, "", "answered 500 without keys, and does not say why"},
    {503, "<html>HUSH</html>", "answered 503 without keys, and does not say why"},
    {404, "{" PAIR "}", "answered 404 without keys"},
    {302, "{" PAIR "}", "answered 302 without keys"},
    {200, "{}", "answered 200 without keys, and does not say why"},
    {200, "{\"code\":\"x\",\"AccessKeyId\":\"\"}", "answered 200 without keys, saying \"x\""},
    {200, "", "the endpoint's answer is not JSON, line 1 column 0"},
    {200, "{" PAIR "\n,\"HUSH\" HUSH}", "the endpoint's answer is not JSON, line 2 column"},
    {200, "{\"AccessKeyId\":\"HUSH\\u0000\"}", "the endpoint's answer is not JSON"},
    {200, "[\"HUSH\"]", "the endpoint's answer is no JSON object"},
    {200, "{\"AccessKeyId\":\"HUSHID\"}", "AccessKeyId is there and SecretAccessKey is missing"},
    {200, "{\"SecretAccessKey\":\"HUSH\"}", "SecretAccessKey is there and AccessKeyId is missing"},
    {200, "{\"AccessKeyId\":\"HUSHID\",\"SecretAccessKey\":5}", "SecretAccessKey is missing"},
    {200, "{\"AccessKeyId\":\"HU SH\",\"SecretAccessKey\":\"S\"}", "AccessKeyId holds a blank"},
    {200, "{\"AccessKeyId\":\"S\",\"SecretAccessKey\":\"HU\\tSH\"}", "SecretAccessKey holds"},
    {200, "{" PAIR ",\"Token\":\"HU\\r\\nSH\"}", "Token holds a blank"},
    {200, "{" PAIR ",\"Token\":[\"HUSH\"]}", "Token in the answer is no string"},
    {200, "{" PAIR ",\"Expiration\":\"HUSH\"}", "Expiration in the answer is no RFC 3339 time"},
    {200, "{" PAIR ",\"Expiration\":\"\"}", "Expiration in the answer is no RFC 3339 time"},
    {200, "{" PAIR ",\"Expiration\":1700000000}", "Expiration in the answer is no RFC 3339 time"},
    {200, "{" PAIR ",\"Expiration\":\"2020-01-02T03:04:05Z\"}",
     "ended at 2020-01-02T03:04:05.000Z, and this machine's clock says 20"},
    {200, "{" PAIR ",\"Expiration\":\"1678-01-02T03:04:05Z\"}", "ended at 1678-01-02T03:04:05"},
};

static void test_refusals(void **state)
{
    const struct scratch *at = *state;
    static const char *const VARIABLES[] = {RELATIVE "/v2/HUSHPATH", HEADER "HUSHHEADER", NULL};
    for (size_t i = 0; i < COUNT(REFUSED); i++) {
        struct credentials c = {0};
        fake.header = "HUSHHEADER";
        fake.status = REFUSED[i].status;
        fake.body = REFUSED[i].body;
        assert_failed(find(at, VARIABLES, &c), &e, ERR_INTERNAL, REFUSED[i].error);
        assert_contains(e.text, "container credentials (AWS_CONTAINER_CREDENTIALS_RELATIVE_URI): ");
        assert_lacks(e.text, "HUSH");
        assert_lacks(e.text, "HU");
        assert_null(c.access_key);
    }
}

static void test_no_answer(void **state)
{
    const struct scratch *at = *state;
    static const char *const VARIABLES[] = {FULL "http://localhost/x", NULL};
    struct credentials c = {0};
    fake.code = ERR_INPUT;
    assert_failed(find(at, VARIABLES, &c), &e, ERR_INPUT,
                  "container credentials (AWS_CONTAINER_CREDENTIALS_FULL_URI): no answer");
    fake.code = ERR_STOPPED;
    assert_failed(find(at, VARIABLES, &c), &e, ERR_STOPPED, "no answer");
    assert_lacks(e.text, "container");
    fake.code = 0;
    char *large = xasprintf("{" PAIR "%65536s}", "");
    fake.body = large;
    assert_failed(find(at, VARIABLES, &c), &e, ERR_INTERNAL,
                  "the endpoint's answer has more than 65536 bytes");
    free(large);
    large = xasprintf("{" PAIR "%*s}", (int)(65536 - strlen("{" PAIR "}")), "");
    fake.body = large;
    assert_ok(find(at, VARIABLES, &c), &e);
    assert_null(c.token);
    credentials_free(&c);
    free(large);
}

/* ---- the end of keys ---- */

#define T0 (INT64_C(4000000000) * NS_PER_S) /* in 2096 */

static char *const CONTAINER[] = {(char[]){RELATIVE "/x"}, NULL};

static char *answer_until(int64_t end_ns)
{
    char text[32];
    return xasprintf("{" PAIR ",\"Token\":\"T\",\"Expiration\":\"%s\"}",
                     clock_format_rfc3339(text, sizeof text, end_ns));
}

static int refresh(struct credentials *c, int64_t now_ns)
{
    return credentials_refresh(c, CONTAINER, fetch, &fake, now_ns, &e);
}

/* Seconds that are left when keys come, and seconds before the end at which new ones are due. */
static const struct {
    int64_t left;
    int64_t early;
} LIFETIMES[] = {{6 * 3600, 300}, {3000, 300}, {2990, 299}, {900, 90}, {240, 24}, {10, 1}};

static void test_expiring(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(LIFETIMES); i++) {
        struct credentials c = {0};
        int64_t end = T0 + LIFETIMES[i].left * NS_PER_S;
        char *body = answer_until(end);
        fake.body = body;
        assert_ok(refresh(&c, T0), &e);
        assert_int_equal(c.expires_ns, end);
        assert_false(credentials_expiring(&c, T0));
        assert_false(credentials_expiring(&c, end - LIFETIMES[i].early * NS_PER_S - 1));
        assert_true(credentials_expiring(&c, end - LIFETIMES[i].early * NS_PER_S));
        assert_true(credentials_expiring(&c, end + NS_PER_S));
        credentials_free(&c);
        free(body);
    }
}

static void test_found_with_an_end(void **state)
{
    const struct scratch *at = *state;
    struct credentials c = {0};
    fake.body = "{" PAIR ",\"Token\":null,\"Expiration\":\"2096-10-02T16:06:40+09:00\"}";
    assert_ok(find(at, (const char *[]){RELATIVE "/x", NULL}, &c), &e);
    assert_int_equal(c.expires_ns, T0);
    assert_int_equal(c.refresh_ns, T0 - 300 * NS_PER_S);
    credentials_free(&c);
    fake.body = "{" PAIR ",\"Expiration\":null}";
    assert_ok(find(at, (const char *[]){RELATIVE "/x", NULL}, &c), &e);
    assert_int_equal(c.expires_ns, 0);
    credentials_free(&c);
}

static void test_refresh(void **state)
{
    (void)state;
    struct credentials c = {0};
    int64_t end = T0 + 3600 * NS_PER_S;
    char *body = answer_until(end);
    fake.body = body;
    assert_ok(refresh(&c, T0), &e);

    /* No answer: the old ones serve while there is time, and the endpoint is left in peace. */
    fake.code = ERR_INTERNAL;
    int64_t late = end - 200 * NS_PER_S;
    assert_true(credentials_expiring(&c, late));
    assert_int_equal(refresh(&c, late), 1);
    assert_contains(e.text, "no answer");
    assert_string_equal(c.access_key, "HUSHID");
    assert_int_equal(c.expires_ns, end);
    assert_false(credentials_expiring(&c, late + 10 * NS_PER_S - 1));
    assert_true(credentials_expiring(&c, late + 10 * NS_PER_S));
    assert_int_equal(refresh(&c, end - 30 * NS_PER_S - 1), 1);
    assert_failed(refresh(&c, end - 30 * NS_PER_S), &e, ERR_INTERNAL, "no answer");
    assert_string_equal(c.access_key, "HUSHID");

    /* A stop is no failure of the endpoint. */
    fake.code = ERR_STOPPED;
    assert_failed(refresh(&c, late), &e, ERR_STOPPED, "no answer");

    /* New ones. */
    fake.code = 0;
    free(body);
    body = answer_until(end + 3600 * NS_PER_S);
    fake.body = body;
    assert_ok(refresh(&c, end), &e);
    assert_int_equal(c.expires_ns, end + 3600 * NS_PER_S);
    credentials_free(&c);
    free(body);
}

/* The header's file changes between two questions; a profile's does too. */
static void test_files_are_read_again(void **state)
{
    const struct scratch *at = *state;
    char *header = xasprintf(HEADER_FILE "%s/token", at->path);
    char *environment[] = {CONTAINER[0], header, NULL};
    struct credentials c = {0};
    fake.body = ANSWER;
    for (int i = 0; i < 2; i++) {
        fake.header = i == 0 ? "one" : "two";
        write_text(at->fd, "token", fake.header);
        assert_ok(credentials_refresh(&c, environment, fetch, &fake, T0, &e), &e);
    }
    assert_int_equal(fake.calls, 2);
    credentials_free(&c);
    free(header);

    char *profile[] = {xasprintf("HOME=%s", at->path), NULL};
    write_profiles(at);
    assert_ok(credentials_find(&c, profile, fetch, &fake, &e), &e);
    write_text(at->fd, ".aws/credentials",
               "[default]\naws_access_key_id = NEW\naws_secret_access_key = N\n");
    assert_ok(credentials_refresh(&c, profile, fetch, &fake, T0, &e), &e);
    assert_string_equal(c.access_key, "NEW");
    write_text(at->fd, ".aws/credentials", "");
    assert_int_equal(credentials_refresh(&c, profile, fetch, &fake, T0, &e), 1);
    assert_string_equal(c.access_key, "NEW");
    assert_false(credentials_expiring(&c, INT64_MAX));
    credentials_free(&c);
    free(profile[0]);
}

/* ---- region, endpoint, certificates ---- */

static const struct {
    const char *variables[MAX_VARIABLES];
    const char *region, *endpoint, *ca_bundle;
} SETTINGS[] = {
    {{NULL}, "eu-west-1", "http://profile", "/p.pem"},
    {{"AWS_PROFILE=none"}, NULL, NULL, NULL},
    {{"AWS_PROFILE=us"}, "us-gov-east-1", NULL, NULL},
    {{"AWS_DEFAULT_REGION=b-1", "AWS_ENDPOINT_URL=http://all", "AWS_CA_BUNDLE=/e.pem"},
     "b-1",
     "http://all",
     "/e.pem"},
    {{"AWS_DEFAULT_REGION=b-1", "AWS_REGION=a-1", "AWS_ENDPOINT_URL=http://all",
      "AWS_ENDPOINT_URL_S3=http://s3", "AWS_PROFILE=us"},
     "a-1",
     "http://s3",
     NULL},
    {{"AWS_REGION=", "AWS_ENDPOINT_URL_S3=", "AWS_CA_BUNDLE="},
     "eu-west-1",
     "http://profile",
     "/p.pem"},
    {{"AWS_ENDPOINT_URL_S3=http://s3", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=True"},
     "eu-west-1",
     NULL,
     "/p.pem"},
    {{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=false"}, "eu-west-1", "http://profile", "/p.pem"},
};

static int settings(const struct scratch *at, const char *const *variables,
                    struct credentials_settings *out)
{
    struct strvec environment = {0};
    strvec_take(&environment, xasprintf("HOME=%s", at->path));
    for (size_t i = 0; i < MAX_VARIABLES && variables[i]; i++) {
        strvec_add(&environment, variables[i]);
    }
    int rc = credentials_settings(out, environment.v, &e);
    strvec_free(&environment);
    return rc;
}

static void test_settings(void **state)
{
    const struct scratch *at = *state;
    write_text(at->fd, ".aws/config",
               "[default]\nregion = eu-west-1\nendpoint_url = http://profile\nca_bundle = /p.pem\n"
               "[profile us]\nregion = us-gov-east-1\nsso_session = x\n"
               "[profile bad]\nregion = us-east-1 # Virginia\n");
    for (size_t i = 0; i < COUNT(SETTINGS); i++) {
        struct credentials_settings s = {0};
        assert_ok(settings(at, SETTINGS[i].variables, &s), &e);
        same(i, "region", s.region, SETTINGS[i].region);
        same(i, "endpoint", s.endpoint, SETTINGS[i].endpoint);
        same(i, "ca_bundle", s.ca_bundle, SETTINGS[i].ca_bundle);
        credentials_settings_free(&s);
    }
}

static void test_regions(void **state)
{
    const struct scratch *at = *state;
    static const char *const BAD[] = {"AWS_REGION=a.b", "AWS_REGION=evil/",     "AWS_REGION=-a",
                                      "AWS_REGION=a-",  "AWS_REGION=US-EAST-1", "AWS_REGION=a b",
                                      "AWS_REGION=\n",  "AWS_PROFILE=bad"};
    write_text(at->fd, ".aws/config", "[profile bad]\nregion = us-east-1 # Virginia\n");
    for (size_t i = 0; i < COUNT(BAD); i++) {
        struct credentials_settings s = {0};
        assert_failed(settings(at, (const char *[]){BAD[i], NULL}, &s), &e, ERR_CONFIG,
                      " is no region (AWS_REGION");
        assert_null(s.region);
    }
    struct credentials_settings s = {0};
    write_text(at->fd, ".aws/config", "[default]\nregion\n");
    assert_failed(settings(at, (const char *[]){NULL}, &s), &e, ERR_CONFIG, ".aws/config:2: ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, scratch_remove)
        TEST(test_order),
        TEST(test_errors),
        TEST(test_limits),
        TEST(test_what_is_asked),
        TEST(test_what_is_not_asked),
        TEST(test_refusals),
        TEST(test_no_answer),
        TEST(test_expiring),
        TEST(test_found_with_an_end),
        TEST(test_refresh),
        TEST(test_files_are_read_again),
        TEST(test_settings),
        TEST(test_regions),
    };
    return cmocka_run_group_tests_name("credentials", tests, NULL, NULL);
}
