/* SPDX-License-Identifier: MIT
 *
 * config/words: a command that was split, joined and split again is the same command.
 */
#include "config/words.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    struct strvec words = {0};
    struct err e = {0};
    int rc = words_split(text, &words, &e);
    if (rc != 0) {
        require_error(rc, &e);
    } else {
        struct strvec again = {0};
        char *joined = words_join(&words);
        REQUIRE(words_split(joined, &again, &e) == 0);
        REQUIRE(again.n == words.n);
        for (size_t i = 0; i < words.n; i++) {
            REQUIRE(strcmp(words.v[i], again.v[i]) == 0);
        }
        REQUIRE(words.n == 0 || words.v[words.n] == NULL);
        (void)words_shell_operator(&words);
        free(joined);
        strvec_free(&again);
    }
    strvec_free(&words);
    free(text);
    return 0;
}
