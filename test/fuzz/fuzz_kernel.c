/* SPDX-License-Identifier: MIT
 *
 * notebook/kernels: any text as a kernel.json is a kernel with a program, or an error that names
 * the file; nothing is kept of a broken one.
 */
#include "notebook/kernels.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = xmalloc(size); /* of its own size, so that a read beyond is seen */
    if (size) {
        memcpy(text, data, size);
    }
    struct kernel k = {0};
    struct err e = {0};
    int rc = kernel_parse("kernel.json", text, size, &k, &e);
    if (rc != 0) {
        require_error(rc, &e);
        REQUIRE(strncmp(e.text, "kernel.json:", strlen("kernel.json:")) == 0);
        REQUIRE(e.code == ERR_INPUT && !k.argv0 && !k.display_name && !k.language);
    } else {
        REQUIRE(k.argv0[0] && k.display_name && k.language && !k.name && !k.path);
    }
    kernel_free(&k);
    free(text);
    return 0;
}
