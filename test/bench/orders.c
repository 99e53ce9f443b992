/* SPDX-License-Identifier: MIT
 *
 * Orders as CSV, on stdout: order_id, order_date (the 365 days of 2021), region (5 values),
 * customer (100,000 values, each of them in every 100,000 rows), product, amount, note. The same
 * rows in every run. One note in 17 is quoted: it has commas and quotes inside, with -q also a
 * newline.
 *
 * Usage: orders [-q] [ROWS]   (default 5,000,000, about 350 MB)
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROW_MAX = 256, BUFFER = 1 << 20, CUSTOMERS = 100000 };

static uint64_t next(uint64_t *state)
{
    uint64_t x = *state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    *state = x;
    return x * 0x2545F4914F6CDD1DU;
}

static char *put_text(char *p, const char *text)
{
    size_t n = strlen(text);
    memcpy(p, text, n);
    return p + n;
}

/* At least `digits` digits. */
static char *put_number(char *p, uint64_t value, int digits)
{
    char reversed[24];
    int n = 0;
    while (value > 0 || n < digits) {
        reversed[n++] = (char)('0' + value % 10);
        value /= 10;
    }
    while (n > 0) {
        *p++ = reversed[--n];
    }
    return p;
}

/* The day of 2021, from 0, as an ISO date. */
static char *put_date(char *p, unsigned day)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned month = 0;
    while (day >= days[month]) {
        day -= days[month++];
    }
    p = put_text(p, "2021-");
    p = put_number(p, month + 1, 2);
    *p++ = '-';
    return put_number(p, day + 1, 2);
}

static char *put_row(char *p, uint64_t row, uint64_t r, bool newlines)
{
    static const char *const regions[] = {"north", "south", "east", "west", "central"};
    static const char *const notes[] = {"paid by card", "paid", "to be called", "",
                                        "second delivery", "gift", "café", "no remark at all"};
    p = put_number(p, row + 1, 1);
    *p++ = ',';
    p = put_date(p, (unsigned)(r >> 8) % 365);
    *p++ = ',';
    p = put_text(p, regions[(r & 0xff) % 5]);
    p = put_text(p, ",customer-");
    p = put_number(p, (row * 48271 + 12345) % CUSTOMERS, 5);
    p = put_text(p, ",product-");
    p = put_number(p, (r >> 40) % 2000, 4);
    *p++ = ',';
    p = put_number(p, (r >> 32) % 5000, 1);
    *p++ = '.';
    p = put_number(p, (r >> 50) % 100, 2);
    *p++ = ',';
    if (row % 17 == 0) {
        p = put_text(p, newlines ? "\"left word:\n\"\"back at 8, or 9\"\", twice\""
                                 : "\"left word: \"\"back at 8, or 9\"\", twice\"");
    } else {
        p = put_text(p, notes[(r >> 58) % 8]);
    }
    *p++ = '\n';
    return p;
}

int main(int argc, char **argv)
{
    bool newlines = argc > 1 && strcmp(argv[1], "-q") == 0;
    uint64_t rows = argc > 1 + newlines ? strtoull(argv[1 + newlines], NULL, 10) : 5000000;
    uint64_t state = 0x9E3779B97F4A7C15U;
    char *buffer = malloc(BUFFER + ROW_MAX);
    if (!buffer) {
        return 1;
    }
    char *p = put_text(buffer, "order_id,order_date,region,customer,product,amount,note\n");
    for (uint64_t row = 0; row < rows; row++) {
        p = put_row(p, row, next(&state), newlines);
        if (p - buffer >= BUFFER) {
            if (fwrite(buffer, 1, (size_t)(p - buffer), stdout) != (size_t)(p - buffer)) {
                return 1;
            }
            p = buffer;
        }
    }
    bool fine = fwrite(buffer, 1, (size_t)(p - buffer), stdout) == (size_t)(p - buffer) &&
                fflush(stdout) == 0;
    free(buffer);
    return fine ? 0 : 1;
}
