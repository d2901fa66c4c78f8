package main

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/robfig/cron/v3"
)

// parseSchedule reads five cron fields or a descriptor such as @hourly, as
// Kubernetes does for a CronJob: it uses the same parser. That parser panics
// on some texts, takes a zone from a prefix, and accepts dates that never
// come; all three are refused here.
func parseSchedule(text string, in *time.Location, now time.Time) (schedule cron.Schedule, err error) {
	defer func() {
		if recover() != nil {
			schedule, err = nil, errBadSchedule
		}
	}()
	if strings.Contains(text, "TZ=") {
		return nil, errors.New("names a time zone: put that in LOGFERRY_TIMEZONE")
	}
	schedule, err = cron.ParseStandard(text)
	if err != nil {
		return nil, withReason(err)
	}
	if schedule.Next(now.In(in)).IsZero() {
		return nil, errors.New("never comes: no such date within five years")
	}
	return schedule, nil
}

// withReason adds the parser's own words, which repeat the text, unless there is
// something in it that breaks a line.
func withReason(err error) error {
	reason := err.Error()
	isOdd := func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }
	if strings.ContainsFunc(reason, isOdd) {
		return errBadSchedule
	}
	return fmt.Errorf("%w (%s)", errBadSchedule, reason)
}

var errBadSchedule = errors.New("is not a schedule: give minute hour day month weekday, such as */15 * * * *")

// nextTimes are the next three starts of a schedule, for people.
func nextTimes(schedule cron.Schedule, from time.Time) string {
	var times []string
	for range 3 {
		from = schedule.Next(from)
		times = append(times, from.Format("2006-01-02 15:04 MST"))
	}
	return strings.Join(times, ", ")
}
