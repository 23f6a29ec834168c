// SPDX-License-Identifier: Apache-2.0
/* sva CHECK: runs one check; exit status 0 if it passed. Lines of the form key=value say what was seen. */
#include "sva.h"
#include <stdio.h>
#include <string.h>

int main(int count, char **arguments) {
    const struct check *groups[] = {MEMORY_CHECKS, MAPPING_CHECKS, PROCESS_CHECKS, ENGINE_CHECKS};
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t group = 0; count == 2 && group < sizeof groups / sizeof groups[0]; group++) {
        for (const struct check *check = groups[group]; check->name; check++) {
            if (!strcmp(check->name, arguments[1])) {
                check->run();
                return 0;
            }
        }
    }
    fail("usage: sva CHECK");
}
