package main

import (
	"fmt"
	"log/slog"
)

// A Secret is a setting that no printing, logging or encoding shows. It holds
// a pointer because reflection (%+v of a struct with an unexported Secret
// inside) calls no methods: there an address is all that can come out.
type Secret struct{ text *string }

const hidden = "(hidden)"

func newSecret(text string) Secret { return Secret{text: &text} }

// reveal returns the secret itself, for the one place that needs it. Empty
// means not set.
func (s Secret) reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// EnvDecode takes the value as it is; it is checked later, where a problem can
// be told without showing it.
func (s *Secret) EnvDecode(value string) error {
	if value != "" {
		*s = newSecret(value)
	}
	return nil
}

func (s Secret) String() string {
	if s.text == nil {
		return ""
	}
	return hidden
}

// GoString hides the value from %#v.
func (s Secret) GoString() string { return s.String() }

// MarshalText hides the value from JSON and other encodings.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue hides the value from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Format hides the value from every verb of fmt.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, s.String()) }
