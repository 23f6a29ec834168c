/* Types, printing, memory and the bookkeeping of checks: what every suite uses. */
#ifndef KIT_H
#define KIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define BIT(n) (1ull << (n))
/* value in the field [hi:lo]; bits that do not fit are cut */
#define FIELD(value, hi, lo) (((u64)(value) & (~0ull >> (63 - (hi) + (lo)))) << (lo))

enum { PAGE = 4096 };

/* A check, in the order of definition: what it is about, in words, and what it does. */
struct check {
        const char *name;
        void (*run)(void);
        const char *(*missing)(void);
};

/* Every file of checks defines missing(): what all of them need and is not there, or NULL. */
#define CHECK(id, text)                                                                        \
        static void id(void);                                                                  \
        static const struct check id##_check                                                   \
                __attribute__((used, aligned(8), section(".checks"))) = { text, id, missing };             \
        static void id(void)

/* Each suite has these: once before all checks (what it expects and does not find ends the run), and before each. */
void suite_begin(void);
void suite_before(void);

/* %s text, %d decimal, %x hexadecimal; numbers are u64. */
void print(const char *format, ...);

bool expect_equal(const char *file, int line, const char *what, u64 actual, u64 expected);
#define expect_eq(actual, expected)                                                            \
        expect_equal(__FILE__, __LINE__, #actual, (u64)(actual), (u64)(expected))
#define expect(condition) expect_equal(__FILE__, __LINE__, #condition, (condition) ? 1 : 0, 1)

/* Without words: whoever calls it says why. */
void fail_check(void);

/* Ends the check as skipped; to be followed by a return. */
void skip(const char *reason);

/* Memory that is zero, aligned to its size or to align, and ours until the check ends. */
void *take(u64 bytes, u64 align);
static inline u64 take_page(void)
{
        return (u64)take(PAGE, PAGE);
}
/* What is taken from now on is given back when the next check begins. */
void keep_taken(void);

void clear(u64 address, u64 bytes);
u32 text_bytes(const char *text);
bool text_equal(const char *a, const char *b);

#endif
