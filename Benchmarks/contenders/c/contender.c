// libjwt as its manual shows it: contender FOLDER.
//
// Reads commands from its standard input and answers each with one line of JSON, like every contender (../../README.md).
// The library's interface takes the text of the key at every call: it has no parsed keys to keep. Its versions
// before 1.11 check no claims, so that this program does.

#include <jwt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *issuer = "https://id.example.org";
static const char *audience = "https://orders.example";
static const char *folder;

typedef struct {
    unsigned char bytes[8192];
    int length;
} text;

typedef struct {
    jwt_alg_t algorithm;
    text private_key, public_key, claims, token;
    jwt_t *outgoing;
} material;

static int read_text(const char *algorithm, const char *name, text *result) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.%s", folder, algorithm, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) return 0;
    result->length = (int)fread(result->bytes, 1, sizeof result->bytes - 1, file);
    result->bytes[result->length] = 0;
    fclose(file);
    return 1;
}

static int grant_is(jwt_t *token, const char *name, const char *expected) {
    const char *value = jwt_get_grant(token, name);
    return value != NULL && strcmp(value, expected) == 0;
}

// 1 where the token is accepted.
static int verify(const material *m) {
    jwt_t *token = NULL;
    if (jwt_decode(&token, (const char *)m->token.bytes, m->public_key.bytes, m->public_key.length) != 0) return 0;
    int accepted = jwt_get_alg(token) == m->algorithm && grant_is(token, "iss", issuer) &&
                   grant_is(token, "aud", audience) && jwt_get_grant_int(token, "exp") > (long)time(NULL);
    jwt_free(token);
    return accepted;
}

static char *signed_token(const material *m) { return jwt_encode_str(m->outgoing); }

static int sign(const material *m) {
    char *token = signed_token(m);
    int made = token != NULL;
    free(token);
    return made;
}

// 1 if all is there, 0 where the library does not know the algorithm.
static int prepare(const char *name, material *m) {
    int secret = strncmp(name, "HS", 2) == 0;
    char key_id[64];
    snprintf(key_id, sizeof key_id, "bench-%s", name);
    m->algorithm = jwt_str_alg(name);
    if (m->algorithm == JWT_ALG_TERM) return 0;
    if (!read_text(name, secret ? "secret" : "private.pem", &m->private_key) ||
        !read_text(name, secret ? "secret" : "public.pem", &m->public_key) ||
        !read_text(name, "claims", &m->claims) || !read_text(name, "good", &m->token))
        return 0;
    if (jwt_new(&m->outgoing) != 0) return 0;
    jwt_add_grants_json(m->outgoing, (const char *)m->claims.bytes);
    jwt_add_header(m->outgoing, "typ", "at+jwt");
    jwt_add_header(m->outgoing, "kid", key_id);
    return jwt_set_alg(m->outgoing, m->algorithm, m->private_key.bytes, m->private_key.length) == 0;
}

static double repeated(int (*operation)(const material *), const material *m, long count) {
    struct timespec start, end;
    long done = 0;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (long i = 0; i < count; i++) done += operation(m);
    clock_gettime(CLOCK_MONOTONIC, &end);
    if (done < count) return -1;
    return (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) * 1e-9;
}

static void measure(int (*operation)(const material *), const material *m, double seconds) {
    long count = 1;
    double duration = 0;
    while (duration < 0.02) {
        count *= 2;
        duration = repeated(operation, m, count);
        if (duration < 0) {
            printf("{\"error\": \"an operation failed\"}\n");
            return;
        }
    }
    count = (long)((double)count * seconds / duration) + 1;
    duration = repeated(operation, m, count);
    printf("{\"nanoseconds\": %f, \"iterations\": %ld}\n", duration / (double)count * 1e9, count);
}

static void check(const char *algorithm, material *m) {
    const char *names[] = {"good", "flipped", "audience", "expired"};
    char *token = signed_token(m);
    printf("{\"signed\": \"%s\"", token == NULL ? "" : token);
    free(token);
    for (int i = 0; i < 4; i++) {
        int accepted = read_text(algorithm, names[i], &m->token) && verify(m);
        printf(", \"%s\": %s", names[i], accepted ? "true" : "false");
    }
    printf("}\n");
}

int main(int count, char **arguments) {
    if (count != 2) return 64;
    folder = arguments[1];
    char line[256], command[32], first[32], second[32];
    while (fgets(line, sizeof line, stdin) != NULL) {
        double seconds = 0;
        int words = sscanf(line, "%31s %31s %31s %lf", command, first, second, &seconds);
        material m = {0};
        int is_check = words == 2 && strcmp(command, "check") == 0;
        if (!prepare(is_check ? first : second, &m))
            printf("{\"unsupported\": true}\n");
        else if (is_check)
            check(first, &m);
        else if (strcmp(first, "verify") == 0)
            measure(verify, &m, seconds);
        else if (strcmp(first, "sign") == 0)
            measure(sign, &m, seconds);
        else
            printf("{\"unsupported\": true}\n");
        jwt_free(m.outgoing);
        fflush(stdout);
    }
    return 0;
}
