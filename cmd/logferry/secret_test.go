package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"

	"logferry/ferry"
)

func TestSecretsNeverPrint(t *testing.T) {
	s := newSecret(canary)
	type box struct {
		Open   Secret
		closed Secret // fmt reads it by reflection, calling no method
	}
	nested := box{Open: s, closed: s}
	given, _ := decode(plain("KEYWORDSAI_API_KEY", canary))
	ready, _ := checked(plain("KEYWORDSAI_API_KEY", canary), needs{})
	if ready.migrateURL == "" || ready.ferry.Cloudflare == nil || ready.ferry.KeywordsAI == nil {
		t.Fatal("there is nothing to hide")
	}

	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%p", "%T", "%10v"} {
		for _, value := range []any{s, &s, nested, &nested, []Secret{s}, map[string]box{"a": nested}, given, &given} {
			fmt.Fprintf(&out, verb, value)
		}
		if verb == "%p" { // of a struct it is an error, which fmt reports by reflection; vet knows it
			continue
		}
		for _, value := range []any{ready, &ready, ready.ferry, &ready.ferry, *ready.ferry.Cloudflare, *ready.ferry.KeywordsAI, []any{ready, ready.ferry.Cloudflare}} {
			fmt.Fprintf(&out, verb, value)
		}
	}
	for _, value := range []any{s, &s, nested, map[string]Secret{"a": s}, given} {
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(text)
	}
	for _, log := range []*slog.Logger{slog.New(slog.NewJSONHandler(&out, nil)), slog.New(slog.NewTextHandler(&out, nil))} {
		log.Info("here", "secret", s, "pointer", &s, "nested", nested, "all", given)
	}
	out.WriteString(strings.Join(given.values(), " "))

	hex := fmt.Sprintf("%x", canary)
	if text := out.String(); strings.Contains(text, canary) || strings.Contains(strings.ToLower(text), hex) {
		t.Error("the secret was printed")
	}
	if s.reveal() != canary || (Secret{}).reveal() != "" || (Secret{}).String() != "" {
		t.Error("reveal does not give back what was put in")
	}
}

// panicking is the program with a fault in it: a sync that panics with all
// settings at hand, as values and on its stack.
func panicking() {
	d := wired()
	d.open = func(_ context.Context, c ferry.Config) (*flow, error) {
		return &flow{close: func() {}, sync: func(context.Context) (ferry.Summary, error) { return fail(c, c.DatabaseURL, c.Cloudflare.Token) }}, nil
	}
	os.Exit(newProgram(processEnviron(), os.Stdout, os.Stderr, d).run(context.Background(), os.Args[1:]))
}

//go:noinline
func fail(c ferry.Config, url, token string) (ferry.Summary, error) {
	panic(fmt.Sprintf("a fault: %v %+v %#v of %d and %d bytes", c, c.Cloudflare, c, len(url), len(token)))
}

// A panic, and all that Go's runtime can be told to print of one, shows where it
// was and no secret.
func TestC08PanicsShowNoSecret(t *testing.T) {
	t.Parallel()
	for _, much := range []string{"", "system"} {
		cmd := process(t, plain("GOTRACEBACK", much), "sync")
		cmd.Args[0] = "logferry-panics"
		out, err := cmd.CombinedOutput()
		if err == nil || !bytes.Contains(out, []byte("panic: a fault: ")) || !bytes.Contains(out, []byte("logferry.fail(")) {
			t.Errorf("%v, and no panic in\n%s", err, out)
		}
		if hex := fmt.Sprintf("%x", canary); bytes.Contains(out, []byte(canary)) || bytes.Contains(out, []byte(hex)) {
			t.Error("the panic shows a secret")
		}
	}
}
