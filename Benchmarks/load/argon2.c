// What a login costs at least: argon2id of libargon2 with the parameters of the server, one after the other on one core.
//   argon2 MEMORY-KIB ITERATIONS LANES SECONDS      prints one line of JSON
#include <argon2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int count, char **words) {
    if (count != 5) return 64;
    const char password[] = "correct horse battery staple";
    const uint8_t salt[16] = "bench-salt-bench";
    uint8_t hash[32];
    uint32_t numbers[3];
    for (int i = 0; i < 3; i++) numbers[i] = (uint32_t)strtoul(words[i + 1], NULL, 10);
    double began = now(), until = began + atof(words[4]);
    long done = 0;
    for (; now() < until; done++) {
        int code = argon2id_hash_raw(numbers[1], numbers[0], numbers[2], password, sizeof password - 1, salt, sizeof salt,
                                     hash, sizeof hash);
        if (code != ARGON2_OK) {
            fprintf(stderr, "argon2: %s\n", argon2_error_message(code));
            return 1;
        }
    }
    printf("{\"rate\": %.3f, \"hashes\": %ld}\n", (double)done / (now() - began), done);
    return 0;
}
