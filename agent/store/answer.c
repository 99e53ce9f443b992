/* SPDX-License-Identifier: MIT
 *
 * S3's XML, by expat. See answer.h.
 *
 * One walk serves all bodies: a table names the elements that are wanted, each with the element it
 * must stand in, so that a Key or a Prefix elsewhere is not mistaken for it.
 */
#include "store/answer.h"

#include <expat.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/number.h"
#include "base/scope.h"
#include "base/str.h"
#include "base/utf8.h"
#include "store/store.h"

enum { BODY_MAX = 16 << 20, TEXT_MAX = 64 << 10, DEPTH_MAX = 32, NOWHERE = -1 };

enum element_flags {
    HOLDS = 1u << 0,  /* elements, where others hold text */
    NEEDED = 1u << 1, /* the element around it is wrong without it, or with an empty one */
    MANY = 1u << 2,   /* may come again */
};

struct element {
    const char *name;
    int parent; /* the wanted element that it stands in; NOWHERE: it is a root */
    unsigned flags;
};

struct reader {
    const struct element *wanted;
    int n_wanted;
    /* Called at the end of wanted element `i`, whose text is in `text`; may call fail. */
    void (*got)(struct reader *r, int i);
    void *to; /* got's */
    struct err *e;
    int rc; /* not 0: the walk is over */
    XML_Parser parser;
    const char *xml; /* the body from its first byte that is not blank */
    size_t n;
    size_t blank_lines; /* before it */
    int at;             /* wanted element that is open, or NOWHERE */
    unsigned skipped;   /* elements open below it that are not wanted */
    unsigned depth;
    unsigned seen;   /* bit i: wanted element i was there, in the present one of its parents */
    struct str text; /* since the last tag */
};

/* A body that does not even begin as it should is mostly somebody else's: a proxy's page, another
 * program's greeting. Its first bytes say whose. */
__attribute__((format(printf, 2, 3))) static void fail(struct reader *r, const char *fmt, ...)
{
    char what[512];
    char begin[400] = "";
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    if (r->at == NOWHERE && r->seen == 0) {
        char head[64];
        (void)utf8_clean(head, sizeof head, r->xml, r->n);
        (void)snprintf(begin, sizeof begin, "; it begins with %s", QUOTED(head));
    }
    size_t line = r->blank_lines + XML_GetCurrentLineNumber(r->parser);
    r->rc = err_set(r->e, ERR_INPUT, "not S3's XML: line %zu: %s%s", line, what, begin);
    (void)XML_StopParser(r->parser, XML_FALSE);
}

static const char *local_name(const char *name)
{
    const char *colon = strrchr(name, ':');
    return colon ? colon + 1 : name;
}

static bool is_leaf(const struct reader *r)
{
    return r->at != NOWHERE && !(r->wanted[r->at].flags & HOLDS);
}

/* The wanted element `name` of the open one, or NOWHERE. */
static int find(const struct reader *r, const char *name)
{
    for (int i = 0; i < r->n_wanted; i++) {
        if (r->wanted[i].parent == r->at && strcmp(r->wanted[i].name, name) == 0) {
            return i;
        }
    }
    return NOWHERE;
}

/* After XML_StopParser some handlers are still called (of an empty element, its end): each looks
 * at `rc` first. */
static void XMLCALL on_start(void *user, const XML_Char *tag, const XML_Char **attributes)
{
    (void)attributes;
    struct reader *r = user;
    if (r->rc != 0) {
        return;
    }
    str_clear(&r->text);
    const char *name = local_name(tag);
    if (r->depth == DEPTH_MAX) {
        fail(r, "elements more than %d deep", DEPTH_MAX);
        return;
    }
    int i = r->skipped ? NOWHERE : find(r, name);
    if (i == NOWHERE && r->depth == 0) {
        fail(r, "<%.64s> where <%s> belongs", name, r->wanted[0].name);
    } else if (i == NOWHERE && is_leaf(r) && !r->skipped) {
        fail(r, "<%.64s> in <%s>, which holds text only", name, r->wanted[r->at].name);
    } else if (i == NOWHERE) {
        r->skipped++;
    } else if (r->seen & 1u << i && !(r->wanted[i].flags & MANY)) {
        fail(r, "a second <%s>", name);
    } else {
        r->at = i;
        r->seen |= 1u << i;
    }
    r->depth++;
}

/* The open element ends: had it all it needs? */
static bool is_whole(struct reader *r)
{
    const struct element *open = &r->wanted[r->at];
    for (int i = 0; i < r->n_wanted; i++) {
        if (r->wanted[i].parent != r->at) {
            continue;
        }
        if (r->wanted[i].flags & NEEDED && !(r->seen & 1u << i)) {
            fail(r, "<%s> without <%s>", open->name, r->wanted[i].name);
            return false;
        }
        r->seen &= ~(1u << i);
    }
    if (open->flags & NEEDED && !(open->flags & HOLDS) && r->text.len == 0) {
        fail(r, "an empty <%s>", open->name);
        return false;
    }
    return true;
}

static void XMLCALL on_end(void *user, const XML_Char *tag)
{
    (void)tag; /* the parser has seen to it that it is the right one */
    struct reader *r = user;
    if (r->rc != 0) {
        return;
    }
    r->depth--;
    if (r->skipped) {
        r->skipped--;
    } else if (is_whole(r)) {
        r->got(r, r->at);
        r->at = r->wanted[r->at].parent;
    }
    str_clear(&r->text);
}

static void XMLCALL on_text(void *user, const XML_Char *text, int n)
{
    struct reader *r = user;
    if (r->rc != 0) {
        return;
    }
    str_add(&r->text, text, (size_t)n);
    if (r->text.overflow) {
        fail(r, "more than %d KiB of text in one element", TEXT_MAX >> 10);
    }
}

/* Without a document type there are no entities to expand, and none of the attacks by them. */
static void XMLCALL on_doctype(void *user, const XML_Char *name, const XML_Char *sysid,
                               const XML_Char *pubid, int has_internal_subset)
{
    (void)name;
    (void)sysid;
    (void)pubid;
    (void)has_internal_subset;
    fail(user, "a document type, which S3 never sends");
}

static void *more_memory(void *p, size_t n)
{
    return xreallocarray(p, 1, n);
}

static void set_handlers(struct reader *r)
{
    XML_SetUserData(r->parser, r);
    XML_SetElementHandler(r->parser, on_start, on_end);
    XML_SetCharacterDataHandler(r->parser, on_text);
    XML_SetStartDoctypeDeclHandler(r->parser, on_doctype);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Walks the body; `wanted`, `got` and `to` are the caller's. 0, or ERR_INPUT. */
static int read_body(struct reader *r, const char *xml, size_t n, struct err *e)
{
    static const XML_Memory_Handling_Suite MEMORY = {xmalloc, more_memory, free};
    if (n > BODY_MAX) {
        return err_set(e, ERR_INPUT, "not S3's XML: more than %d MiB", BODY_MAX >> 20);
    }
    r->e = e;
    r->at = NOWHERE;
    r->text = (struct str)STR_INIT(TEXT_MAX);
    /* Blanks keep the connection of a long CompleteMultipartUpload open; some servers send them
     * before the XML declaration, where XML allows none. */
    size_t from = 0;
    for (; from < n && is_blank(xml[from]); from++) {
        r->blank_lines += xml[from] == '\n';
    }
    if (from == n) {
        return err_set(e, ERR_INPUT, "not S3's XML: the body is empty");
    }
    r->xml = xml + from;
    r->n = n - from;
    /* Names are taken with their prefix, which local_name drops: a parser that knows namespaces
     * would refuse what is not declared, and servers are not that careful. */
    r->parser = XML_ParserCreate_MM(NULL, &MEMORY, NULL);
    set_handlers(r);
    enum XML_Status status = XML_Parse(r->parser, r->xml, (int)r->n, XML_TRUE);
    if (r->rc == 0 && status != XML_STATUS_OK) { /* not stopped by a handler */
        fail(r, "%s", XML_ErrorString(XML_GetErrorCode(r->parser)));
    }
    XML_ParserFree(r->parser);
    str_free(&r->text);
    return r->rc;
}

/* The text without its quotes, when it has them, owned by the caller; NULL when nothing is left. */
static char *unquoted(const struct str *text)
{
    const char *s = str_text(text);
    size_t n = text->len;
    if (n >= 2 && s[0] == '"' && s[n - 1] == '"') {
        s++;
        n -= 2;
    }
    return n > 0 ? xstrndup(s, n) : NULL;
}

/* ---- a page of a listing ---- */

enum list_element { LIST, OBJECT, KEY, SIZE, ETAG, IS_TRUNCATED, NEXT, ENCODING };

static const struct element LIST_ELEMENTS[] = {
    [LIST] = {"ListBucketResult", NOWHERE, HOLDS},
    [OBJECT] = {"Contents", LIST, HOLDS | MANY},
    [KEY] = {"Key", OBJECT, NEEDED},
    [SIZE] = {"Size", OBJECT, NEEDED},
    [ETAG] = {"ETag", OBJECT, 0},
    [IS_TRUNCATED] = {"IsTruncated", LIST, NEEDED},
    [NEXT] = {"NextContinuationToken", LIST, 0},
    [ENCODING] = {"EncodingType", LIST, 0},
};

struct page {
    struct answer_list list;
    struct answer_object now; /* the object that is being read */
};

static void object_free(struct answer_object *object)
{
    free(object->key);
    free(object->etag);
    *object = (struct answer_object){0};
}

static void page_free(struct page *page)
{
    answer_list_free(&page->list);
    object_free(&page->now);
}

static int hex_digit(char c)
{
    static const char DIGITS[] = "0123456789abcdef0123456789ABCDEF";
    const char *p = c ? strchr(DIGITS, c) : NULL;
    return p ? (int)((p - DIGITS) % 16) : -1;
}

/* Decodes in place, as S3 encodes: %XX, and + for a blank. What is wrong, or NULL. */
static const char *url_decode(char *text)
{
    char *to = text;
    for (const char *from = text; *from; from++) {
        char c = *from == '+' ? ' ' : *from;
        if (c == '%') {
            int high = hex_digit(from[1]);
            int low = high < 0 ? -1 : hex_digit(from[2]);
            if (low < 0) {
                return "a % without two hexadecimal digits";
            }
            if (high == 0 && low == 0) {
                return "a NUL";
            }
            c = (char)(high * 16 + low);
            from += 2;
        }
        *to++ = c;
    }
    *to = '\0';
    return NULL;
}

/* Only at the list's end is it known whether its keys are encoded. */
static void finish_list(struct reader *r, struct answer_list *list)
{
    if (list->truncated && !list->next) {
        fail(r, "a truncated list without <NextContinuationToken>");
        return;
    }
    if (!list->truncated) {
        free(TAKE_PTR(list->next));
    }
    for (size_t i = 0; i < list->n; i++) {
        char *key = list->v[i].key;
        const char *bad = list->url_encoded ? url_decode(key) : NULL;
        if (bad) {
            fail(r, "<Key> %s holds %s", QUOTED(key), bad);
            return;
        }
        size_t n = strlen(key);
        if (n > S3_KEY_MAX) {
            fail(r, "<Key> %s has %zu bytes, more than %d", QUOTED(key), n, S3_KEY_MAX);
            return;
        }
    }
}

static void got_truncated(struct reader *r, struct answer_list *list, const char *text)
{
    list->truncated = strcmp(text, "true") == 0;
    if (!list->truncated && strcmp(text, "false") != 0) {
        fail(r, "<IsTruncated> %s is neither true nor false", QUOTED(text));
    }
}

static void got_encoding(struct reader *r, struct answer_list *list, const char *text)
{
    list->url_encoded = strcmp(text, "url") == 0;
    if (!list->url_encoded && *text) {
        fail(r, "<EncodingType> %s is not url", QUOTED(text));
    }
}

static void got_size(struct reader *r, struct answer_object *object, const char *text)
{
    if (!number_parse(text, &object->size) || object->size > INT64_MAX) {
        fail(r, "<Size> %s is not a number of bytes", QUOTED(text));
    }
}

static void got_of_list(struct reader *r, int i)
{
    struct page *page = r->to;
    struct answer_list *list = &page->list;
    const char *text = str_text(&r->text);
    switch ((enum list_element)i) {
    case KEY: page->now.key = xstrdup(text); break;
    case SIZE: got_size(r, &page->now, text); break;
    case ETAG: page->now.etag = unquoted(&r->text); break;
    case OBJECT:
        list->v = vec_room(list->v, list->n, &list->cap, sizeof *list->v);
        list->v[list->n++] = page->now;
        page->now = (struct answer_object){0};
        break;
    case IS_TRUNCATED: got_truncated(r, list, text); break;
    case NEXT: list->next = *text ? xstrdup(text) : NULL; break;
    case ENCODING: got_encoding(r, list, text); break;
    case LIST: finish_list(r, list); break;
    }
}

int answer_list(const char *xml, size_t n, struct answer_list *out, struct err *e)
{
    SCOPE(page_free) struct page page = {0};
    struct reader r = {.wanted = LIST_ELEMENTS,
                       .n_wanted = sizeof LIST_ELEMENTS / sizeof *LIST_ELEMENTS,
                       .got = got_of_list,
                       .to = &page};
    int rc = read_body(&r, xml, n, e);
    if (rc != 0) {
        return rc;
    }
    struct answer_list *list = &page.list;
    for (size_t i = 0; i < list->n; i++) {
        out->v = vec_room(out->v, out->n, &out->cap, sizeof *out->v);
        out->v[out->n++] = list->v[i];
    }
    list->n = 0;
    free(out->next);
    out->next = TAKE_PTR(list->next);
    out->truncated = list->truncated;
    out->url_encoded = list->url_encoded;
    return 0;
}

void answer_list_free(struct answer_list *list)
{
    if (!list) {
        return;
    }
    for (size_t i = 0; i < list->n; i++) {
        object_free(&list->v[i]);
    }
    free(list->v);
    free(list->next);
    *list = (struct answer_list){0};
}

/* ---- an error ---- */

enum error_element { ERROR, CODE, MESSAGE, REQUEST_ID, REGION, ENDPOINT };

static const struct element ERROR_ELEMENTS[] = {
    [ERROR] = {"Error", NOWHERE, HOLDS}, [CODE] = {"Code", ERROR, 0},
    [MESSAGE] = {"Message", ERROR, 0},   [REQUEST_ID] = {"RequestId", ERROR, 0},
    [REGION] = {"Region", ERROR, 0},     [ENDPOINT] = {"Endpoint", ERROR, 0},
};

static void copy_whole(char *to, size_t size, const struct str *text)
{
    if (text->len < size) {
        memcpy(to, str_text(text), text->len + 1);
    }
}

static void got_of_error(struct reader *r, int i)
{
    struct answer_error *out = r->to;
    switch ((enum error_element)i) {
    case CODE: copy_whole(out->code, sizeof out->code, &r->text); break;
    case MESSAGE:
        (void)utf8_clean(out->message, sizeof out->message, str_text(&r->text), r->text.len);
        break;
    case REQUEST_ID: copy_whole(out->request_id, sizeof out->request_id, &r->text); break;
    case REGION: copy_whole(out->region, sizeof out->region, &r->text); break;
    case ENDPOINT: copy_whole(out->endpoint, sizeof out->endpoint, &r->text); break;
    case ERROR: break;
    }
}

void answer_error(const char *xml, size_t n, struct answer_error *out)
{
    struct err ignored = {0};
    struct reader r = {.wanted = ERROR_ELEMENTS,
                       .n_wanted = sizeof ERROR_ELEMENTS / sizeof *ERROR_ELEMENTS,
                       .got = got_of_error,
                       .to = out};
    *out = (struct answer_error){0};
    (void)read_body(&r, xml, n, &ignored);
}

/* ---- a multipart upload ---- */

enum value_element { RESULT, VALUE, RESPONSE, RESPONSE_VALUE, FAILED };

static void got_value(struct reader *r, int i)
{
    char **value = r->to;
    if (i == VALUE || i == RESPONSE_VALUE) {
        *value = unquoted(&r->text);
        if (!*value) {
            fail(r, "an empty <%s>", r->wanted[i].name);
        }
    }
}

int answer_upload_id(const char *xml, size_t n, char **out, struct err *e)
{
    static const struct element ELEMENTS[] = {
        [RESULT] = {"InitiateMultipartUploadResult", NOWHERE, HOLDS},
        [VALUE] = {"UploadId", RESULT, NEEDED},
    };
    SCOPE_FREE char *id = NULL;
    struct reader r = {.wanted = ELEMENTS,
                       .n_wanted = sizeof ELEMENTS / sizeof *ELEMENTS,
                       .got = got_value,
                       .to = &id};
    int rc = read_body(&r, xml, n, e);
    if (rc == 0) {
        *out = TAKE_PTR(id);
    }
    return rc;
}

int answer_completed(const char *xml, size_t n, char **etag, struct err *e)
{
    static const struct element ELEMENTS[] = {
        [RESULT] = {"CompleteMultipartUploadResult", NOWHERE, HOLDS},
        [VALUE] = {"ETag", RESULT, NEEDED},
        /* as moto 5.2 calls it */
        [RESPONSE] = {"CompleteMultipartUploadResponse", NOWHERE, HOLDS},
        [RESPONSE_VALUE] = {"ETag", RESPONSE, NEEDED},
        [FAILED] = {"Error", NOWHERE, HOLDS},
    };
    SCOPE_FREE char *value = NULL;
    struct err why = {0};
    struct reader r = {.wanted = ELEMENTS,
                       .n_wanted = sizeof ELEMENTS / sizeof *ELEMENTS,
                       .got = got_value,
                       .to = &value};
    int rc = read_body(&r, xml, n, &why);
    if (r.seen & 1u << FAILED) {
        return 1; /* damaged or not: it did not say that the upload is complete */
    }
    if (rc != 0) {
        *e = why;
        return rc;
    }
    *etag = TAKE_PTR(value);
    return 0;
}
