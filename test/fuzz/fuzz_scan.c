/* SPDX-License-Identifier: MIT
 *
 * partition/scan: every boundary, value and fault as libcsv and a model of the rules have it
 * (csvref.h). The first six bytes choose delimiter, quote, columns, kernel, the longest record and
 * where the text is cut in two; the rest is the text.
 */
#include "../csvref.h"
#include "fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    fuzz_quiet();
    return 0;
}

static masks_kernel *choose_kernel(unsigned choice)
{
    const struct masks_choice *c = MASKS_CHOICES;
    for (unsigned i = choice % 4; i > 0 && c[1].name; i--) {
        c++;
    }
    return c->usable() ? c->kernel : masks_best();
}

static void agree(const char *differs)
{
    if (differs) {
        (void)fprintf(stderr, "differs: %s\n", differs);
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { CHOICES = 6 };
    if (size < CHOICES) {
        return 0;
    }
    struct dialect d = {.delimiter = (unsigned char)",;\t|"[data[0] % 4],
                        .quote = (unsigned char)"\"'\"\0"[data[1] % 4],
                        .columns = data[2] % 5};
    masks_kernel *kernel = choose_kernel(data[3]);
    size_t n = size - CHOICES;
    size_t cut = n * data[5] / 255;
    unsigned char *text = ref_text(&d, data + CHOICES, n);
    agree(ref_compare(&d, kernel, text, n));
    if (model_clean(&d, text, n)) {
        struct scanner s;
        scanner_init(&s, &d);
        REQUIRE(scan_cut(&s, text, cut) == model_cut(&d, text, cut));
        scanner_free(&s);
    }
    d.max_row = data[4] % 64;
    agree(model_compare(&d, kernel, text, n, cut));
    free(text);
    return 0;
}
