package transform

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// unquote decodes a valid JSON string. NUL, lone surrogates and invalid UTF-8,
// none of which Postgres stores, become U+FFFD; clean is false then. A U+FFFD
// that was in the text already is clean.
func unquote(quoted []byte) (text string, clean bool) {
	body := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(body, '\\') < 0 && utf8.Valid(body) {
		return string(body), true
	}
	out := make([]byte, 0, len(body))
	clean = true
	for len(body) > 0 {
		r, size := nextRune(body)
		if size < 0 {
			clean, size = false, -size
		}
		out = utf8.AppendRune(out, r)
		body = body[size:]
	}
	return string(out), clean
}

// nextRune decodes the character at the start of a JSON string's body. The
// size is negative when it had to be replaced.
func nextRune(body []byte) (r rune, size int) {
	if body[0] == '\\' {
		return escaped(body)
	}
	r, size = utf8.DecodeRune(body)
	if r == utf8.RuneError && size == 1 {
		return utf8.RuneError, -1
	}
	return r, size
}

func escaped(body []byte) (r rune, size int) {
	switch body[1] {
	case 'u':
		return escapedHex(body)
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	}
	return rune(body[1]), 2
}

func escapedHex(body []byte) (r rune, size int) {
	r = hex4(body[2:])
	switch {
	case r == 0:
		return utf8.RuneError, -6
	case !utf16.IsSurrogate(r):
		return r, 6
	}
	if len(body) >= 12 && body[6] == '\\' && body[7] == 'u' {
		if pair := utf16.DecodeRune(r, hex4(body[8:])); pair != utf8.RuneError {
			return pair, 12
		}
	}
	return utf8.RuneError, -6
}

// hex4 reads the four hexadecimal digits that a valid \u escape has.
func hex4(digits []byte) rune {
	n, err := strconv.ParseUint(string(digits[:4]), 16, 16)
	if err != nil {
		return 0
	}
	return rune(n)
}

// appendQuoted appends clean text as a JSON string that jsonb accepts.
func appendQuoted(dst []byte, text string) []byte {
	const hexDigits = "0123456789abcdef"
	dst = append(dst, '"')
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
