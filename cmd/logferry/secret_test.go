package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestSecretsNeverPrint(t *testing.T) {
	s := newSecret(canary)
	type box struct {
		Open   Secret
		closed Secret // fmt reads it by reflection, calling no method
	}
	nested := box{Open: s, closed: s}
	given, _ := decode(plain())

	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%p", "%T", "%10v"} {
		for _, value := range []any{s, &s, nested, &nested, []Secret{s}, map[string]box{"a": nested}, given, &given} {
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
