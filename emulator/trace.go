package emulator

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

var traceHeader = []string{"TIMESTAMP", "ContextTokens", "GeneratedTokens"}

// ReadTrace reads calls from a CSV with the columns TIMESTAMP, ContextTokens
// and GeneratedTokens, the form of the Azure LLM inference traces. A time is
// "2006-01-02 15:04:05" with up to 9 fractional digits and no zone, meaning
// UTC, and is cut to microseconds. What a trace does not say (model, user,
// cost, …) is made up, the same at every reading. Calls come back sorted by
// time. Errors name line and column.
func ReadTrace(r io.Reader) ([]Call, error) {
	reader := csv.NewReader(r)
	reader.FieldsPerRecord = len(traceHeader)
	header, err := reader.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("trace: the file is empty; its first line must be " + strings.Join(traceHeader, ","))
	}
	if err != nil {
		return nil, traceError(err)
	}
	header[0] = strings.TrimPrefix(header[0], "\ufeff") // a byte order mark
	if !slices.Equal(header, traceHeader) {
		return nil, fmt.Errorf("trace: line 1: the columns are %s; they must be %s",
			strings.Join(header, ","), strings.Join(traceHeader, ","))
	}
	m := maker{rng: rand.New(rand.NewPCG(1, 2))}
	var calls []Call
	who := m.person()
	chats := slices.DeleteFunc(slices.Clone(upstreams), func(u upstream) bool { return u.kind != "chat" })
	for {
		fields, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, traceError(err)
		}
		at, input, output, err := readTraceRow(reader, fields)
		if err != nil {
			return nil, err
		}
		if m.rng.Float64() < 0.3 { // somebody else's turn
			who = m.person()
		}
		calls = append(calls, m.shaped(at, who, pick(m.rng, chats), input, output))
	}
	if len(calls) == 0 {
		return nil, errors.New("trace: no request after the header line")
	}
	slices.SortStableFunc(calls, func(a, b Call) int { return a.At.Compare(b.At) })
	return calls, nil
}

func readTraceRow(reader *csv.Reader, fields []string) (at time.Time, input, output int, err error) {
	at, err = time.Parse(time.DateTime, fields[0])
	if err != nil {
		return at, 0, 0, traceFieldError(reader, 0, fields[0], "a time such as 2023-11-16 18:17:03.9799600")
	}
	if input, err = tokenCount(fields[1]); err != nil {
		return at, 0, 0, traceFieldError(reader, 1, fields[1], "a whole number from 0")
	}
	if output, err = tokenCount(fields[2]); err != nil {
		return at, 0, 0, traceFieldError(reader, 2, fields[2], "a whole number from 0")
	}
	return at.Truncate(time.Microsecond), input, output, nil
}

func tokenCount(text string) (int, error) {
	n, err := strconv.ParseInt(text, 10, 32)
	if err == nil && n < 0 {
		err = strconv.ErrRange
	}
	return int(n), err
}

func traceFieldError(reader *csv.Reader, field int, text, want string) error {
	line, column := reader.FieldPos(field)
	return fmt.Errorf("trace: line %d, column %d (%s): %q is not %s", line, column, traceHeader[field], text, want)
}

// traceError puts the csv reader's own line and column in our words.
func traceError(err error) error {
	if parse, ok := errors.AsType[*csv.ParseError](err); ok {
		return fmt.Errorf("trace: line %d, column %d: %w", parse.Line, parse.Column, parse.Err)
	}
	return fmt.Errorf("trace: %w", err)
}
