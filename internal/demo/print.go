package demo

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// A printer writes the demo's lines, made for a terminal 80 columns wide.
type printer struct {
	to    io.Writer
	began time.Time
}

// line writes one line. That the reader of the lines has gone stops nothing.
func (p *printer) line(format string, args ...any) {
	_, _ = fmt.Fprintf(p.to, format+"\n", args...)
}

// step says what has just been done, and when.
func (p *printer) step(format string, args ...any) {
	p.line("%5.1fs  %s", time.Since(p.began).Seconds(), fmt.Sprintf(format, args...))
}

// more goes on under the last step.
func (p *printer) more(text string) { p.line("        %s", text) }

// heading opens a part of the report.
func (p *printer) heading(text string) {
	p.line("\n%s\n%s\n", text, strings.Repeat("=", utf8.RuneCountInString(text)))
}

// text writes lines as they are.
func (p *printer) text(lines string) { p.line("%s", lines) }

// indented writes lines two columns in.
func (p *printer) indented(lines string) {
	for line := range strings.Lines(strings.TrimSpace(lines)) {
		p.line("  %s", strings.TrimRight(line, "\n"))
	}
}

// table writes rows of equal length in columns, the first row as their names.
// Numbers stand to the right.
func (p *printer) table(rows [][]string) {
	if len(rows) < 2 {
		p.line("  (no rows)")
		return
	}
	for _, row := range rows {
		var cells []string
		for i, cell := range row {
			gap := strings.Repeat(" ", width(rows, i)-utf8.RuneCountInString(cell))
			if startsWithDigit(rows[1][i]) {
				cells = append(cells, gap+cell)
			} else {
				cells = append(cells, cell+gap)
			}
		}
		p.line("  %s", strings.TrimRight(strings.Join(cells, "  "), " "))
	}
}

func width(rows [][]string, column int) int {
	widest := 0
	for _, row := range rows {
		widest = max(widest, utf8.RuneCountInString(row[column]))
	}
	return widest
}

func startsWithDigit(cell string) bool { return cell != "" && cell[0] >= '0' && cell[0] <= '9' }

// grouped is n with commas between thousands.
func grouped[T int | int64](n T) string {
	digits := strconv.FormatInt(int64(n), 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
