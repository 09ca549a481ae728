// golang-jwt as its manual shows it: contender FOLDER.
//
// Reads commands from its standard input and answers each with one line of JSON, like every contender (../../README.md).
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt"
)

const (
	issuer   = "https://id.example.org"
	audience = "https://orders.example"
)

type claims struct {
	jwt.RegisteredClaims
	ClientID string `json:"client_id"`
	Scope    string `json:"scope"`
	AuthTime int64  `json:"auth_time"`
	ACR      string `json:"acr"`
}

type operations struct {
	verify func(token string) (int, error)
	sign   func() (string, error)
}

func read(algorithm, name string) []byte {
	data, err := os.ReadFile(os.Args[1] + "/" + algorithm + "." + name)
	if err != nil {
		panic(err)
	}
	return data
}

func keys(algorithm string) (private, public interface{}, err error) {
	if strings.HasPrefix(algorithm, "HS") {
		secret := read(algorithm, "secret")
		return secret, secret, nil
	}
	privatePEM, publicPEM := read(algorithm, "private.pem"), read(algorithm, "public.pem")
	switch algorithm[:2] {
	case "RS", "PS":
		if private, err = jwt.ParseRSAPrivateKeyFromPEM(privatePEM); err == nil {
			public, err = jwt.ParseRSAPublicKeyFromPEM(publicPEM)
		}
	case "ES":
		if private, err = jwt.ParseECPrivateKeyFromPEM(privatePEM); err == nil {
			public, err = jwt.ParseECPublicKeyFromPEM(publicPEM)
		}
	default:
		if private, err = jwt.ParseEdPrivateKeyFromPEM(privatePEM); err == nil {
			public, err = jwt.ParseEdPublicKeyFromPEM(publicPEM)
		}
	}
	return
}

// prepare returns nil where the library does not know the algorithm.
func prepare(algorithm string) (*operations, error) {
	method := jwt.GetSigningMethod(algorithm)
	if method == nil {
		return nil, nil
	}
	private, public, err := keys(algorithm)
	if err != nil {
		return nil, err
	}
	var own claims
	if err := json.Unmarshal(read(algorithm, "claims"), &own); err != nil {
		return nil, err
	}
	// RFC 9068 has one audience in the token; the library would write a list of one.
	jwt.MarshalSingleStringAsArray = false
	parser := jwt.NewParser(jwt.WithValidMethods([]string{algorithm}))
	find := func(*jwt.Token) (interface{}, error) { return public, nil }
	verify := func(text string) (int, error) {
		var read claims
		if _, err := parser.ParseWithClaims(text, &read, find); err != nil {
			return 0, err
		}
		if read.ExpiresAt == nil || read.Issuer != issuer {
			return 0, errors.New("no expiry, or another issuer")
		}
		for _, name := range read.Audience {
			if name == audience {
				return len(read.Subject), nil
			}
		}
		return 0, errors.New("another audience")
	}
	sign := func() (string, error) {
		token := jwt.NewWithClaims(method, own)
		token.Header["typ"] = "at+jwt"
		token.Header["kid"] = "bench-" + algorithm
		return token.SignedString(private)
	}
	return &operations{verify, sign}, nil
}

func repeated(operation func() (int, error), count int) (time.Duration, error) {
	done := 0
	start := time.Now()
	for i := 0; i < count; i++ {
		n, err := operation()
		if err != nil {
			return 0, err
		}
		done += n
	}
	duration := time.Since(start)
	if done < count {
		return 0, errors.New("nothing was done")
	}
	return duration, nil
}

func measure(operation func() (int, error), seconds float64) (map[string]interface{}, error) {
	count, duration := 1, time.Duration(0)
	for duration < 20*time.Millisecond {
		var err error
		count *= 2
		if duration, err = repeated(operation, count); err != nil {
			return nil, err
		}
	}
	count = int(float64(count)*seconds/duration.Seconds()) + 1
	duration, err := repeated(operation, count)
	return map[string]interface{}{
		"nanoseconds": float64(duration.Nanoseconds()) / float64(count), "iterations": count,
	}, err
}

func answer(words []string) (map[string]interface{}, error) {
	unsupported := map[string]interface{}{"unsupported": true}
	algorithm := words[1]
	if words[0] == "measure" {
		algorithm = words[2]
	}
	operations, err := prepare(algorithm)
	if err != nil {
		return nil, err
	}
	if operations == nil {
		return unsupported, nil
	}
	if words[0] == "check" {
		signed, err := operations.sign()
		result := map[string]interface{}{"signed": signed}
		for _, name := range []string{"good", "flipped", "audience", "expired"} {
			_, refusal := operations.verify(string(read(algorithm, name)))
			result[name] = refusal == nil
		}
		return result, err
	}
	seconds, err := strconv.ParseFloat(words[len(words)-1], 64)
	token := string(read(algorithm, "good"))
	switch words[1] {
	case "verify":
		return measure(func() (int, error) { return operations.verify(token) }, seconds)
	case "sign":
		return measure(func() (int, error) { text, err := operations.sign(); return len(text), err }, seconds)
	}
	return unsupported, err
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		result, err := answer(strings.Fields(lines.Text()))
		if err != nil {
			result = map[string]interface{}{"error": err.Error()}
		}
		text, _ := json.Marshal(result)
		fmt.Println(string(text))
	}
}
