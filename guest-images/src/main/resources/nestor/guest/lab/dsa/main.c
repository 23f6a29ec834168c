// SPDX-License-Identifier: Apache-2.0
/* dsa CHECK: runs one check; exit status 0 if it passed. Lines of the form key=value say what was seen. */
#include "dsa.h"
#include <stdio.h>
#include <string.h>

int main(int count, char **arguments) {
    const struct check *groups[] = {FAULT_CHECKS, MAPPING_CHECKS, PROCESS_CHECKS};
    const char *modes[] = {"dedicated", "shared"};
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t group = 0; count == 2 && group < sizeof groups / sizeof groups[0]; group++) {
        for (const struct check *check = groups[group]; check->name; check++) {
            if (strcmp(check->name, arguments[1]))
                continue;
            for (size_t mode = 0; mode < sizeof modes / sizeof modes[0]; mode++) {
                struct queue queue = {.mode = modes[mode]};
                check->run(&queue);
            }
            return 0;
        }
    }
    fail("usage: dsa CHECK");
}
