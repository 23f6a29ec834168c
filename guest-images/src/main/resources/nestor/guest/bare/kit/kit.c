#include "kit/kit.h"

#include <stdarg.h>

#include "machine.h"

extern const struct check checks_start[], checks_end[];

enum { MAX_COMPLAINTS = 6 };

/* RAM is zero when the machine begins: from heap_used on it still is. */
static u64 heap, heap_kept, heap_used;
static u32 complaints;
static const char *skipped;

static void put(const char *text)
{
        while (*text)
                uart_put(*text++);
}

static void put_number(u64 value, u32 base)
{
        char digits[24];
        u32 at = sizeof(digits);
        digits[--at] = 0;
        do {
                digits[--at] = "0123456789abcdef"[value % base];
                value /= base;
        } while (value);
        put(digits + at);
}

void print(const char *format, ...)
{
        va_list arguments;
        va_start(arguments, format);
        for (; *format; format++) {
                if (*format != '%') {
                        uart_put(*format);
                        continue;
                }
                switch (*++format) {
                case 's':
                        put(va_arg(arguments, const char *));
                        break;
                case 'd':
                        put_number(va_arg(arguments, u64), 10);
                        break;
                default:
                        put("0x");
                        put_number(va_arg(arguments, u64), 16);
                }
        }
        va_end(arguments);
}

bool expect_equal(const char *file, int line, const char *what, u64 actual, u64 expected)
{
        if (actual == expected)
                return true;
        if (complaints++ < MAX_COMPLAINTS)
                print("# %s:%d: %s is %x, expected %x\n", file, (u64)line, what, actual, expected);
        return false;
}

void fail_check(void)
{
        complaints++;
}

void skip(const char *reason)
{
        skipped = reason;
}

void clear(u64 address, u64 bytes)
{
        for (volatile u64 *at = (u64 *)address; bytes; bytes -= 8)
                *at++ = 0;
}

void *take(u64 bytes, u64 align)
{
        heap = (heap + align - 1) & -align;
        void *taken = (void *)heap;
        heap += (bytes + 15) & -16ull;
        if (heap > board.ram + board.ram_bytes) {
                print("Bail out! the machine has too little memory\n");
                power_off();
        }
        u64 used = heap < heap_used ? heap : heap_used;
        if ((u64)taken < used)
                clear((u64)taken, used - (u64)taken);
        if (heap > heap_used)
                heap_used = heap;
        return taken;
}

/* Where memory is slow to clear, what was taken before is left alone as long as there is enough. */
static void give_back(void)
{
        u64 end = board.ram + board.ram_bytes;
        if (heap - heap_kept > (end - heap_kept) / 2)
                heap = heap_kept;
}

void keep_taken(void)
{
        heap_kept = heap;
}

u32 text_bytes(const char *text)
{
        u32 bytes = 0;
        while (text[bytes])
                bytes++;
        return bytes;
}

bool text_equal(const char *a, const char *b)
{
        while (*a && *a == *b)
                a++, b++;
        return *a == *b;
}

/* The compiler may call these by itself. */
void *memset(void *to, int value, size_t bytes)
{
        for (volatile u8 *at = to; bytes; bytes--)
                *at++ = (u8)value;
        return to;
}

void *memcpy(void *to, const void *from, size_t bytes)
{
        const u8 *source = from;
        for (volatile u8 *at = to; bytes; bytes--)
                *at++ = *source++;
        return to;
}

static void run(const struct check *check, u64 number)
{
        complaints = 0;
        give_back();
        skipped = check->missing();
        bool ended = skipped || (call_protected(suite_before) && call_protected(check->run));
        print("%s %d %s", ended && !complaints ? "ok" : "not ok", number, check->name);
        print(skipped && !complaints ? " # SKIP %s\n" : "\n", skipped);
}

void kit_main(const void *description)
{
        board_read(description);
        print("KTAP version 1\n");
        heap = board.heap;
        if (!call_protected(suite_begin) || complaints) {
                print("Bail out! the suite cannot begin\n");
                return;
        }
        keep_taken();
        print("1..%d\n", (u64)(checks_end - checks_start));
        for (const struct check *check = checks_start; check < checks_end; check++)
                run(check, (u64)(check - checks_start) + 1);
}
