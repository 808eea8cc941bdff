package jinja

import (
	"fmt"
	"time"
)

// Date is Python's datetime.date.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// DateTime is Python's datetime.datetime.
type DateTime struct {
	Time  time.Time // to the microsecond
	Naive bool      // without a time zone; Time is then in UTC
}

// TimeDelta is Python's datetime.timedelta, in microseconds.
type TimeDelta int64

// timeOfDay is Python's datetime.time.
type timeOfDay struct {
	hour, minute, second, micro int
	zone                        string // isoformat's suffix, empty if naive
}

const (
	microsPerSecond TimeDelta = 1_000_000
	microsPerDay              = 86_400 * microsPerSecond
)

func (Date) pyType() string      { return "datetime.date" }
func (DateTime) pyType() string  { return "datetime.datetime" }
func (TimeDelta) pyType() string { return "datetime.timedelta" }
func (timeOfDay) pyType() string { return "datetime.time" }

// String is the ISO form, 2026-03-14.
func (d Date) String() string {
	return fmt.Sprintf("%04d-%02d-%02d", d.Year, int(d.Month), d.Day)
}

func (d Date) midnight() time.Time {
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC)
}

func dateOf(t time.Time) Date {
	y, m, d := t.Date()
	return Date{y, m, d}
}

func (d Date) compare(o Date) int { return d.midnight().Compare(o.midnight()) }

func (d Date) add(delta TimeDelta) (any, error) {
	return checkedDate(dateOf(d.midnight().AddDate(0, 0, delta.days())))
}

func checkedDate(d Date) (any, error) {
	if d.Year < 1 || d.Year > 9999 {
		return nil, raise(KindArithmetic, "date value out of range")
	}
	return d, nil
}

func (d Date) repr() string {
	return fmt.Sprintf("datetime.date(%d, %d, %d)", d.Year, int(d.Month), d.Day)
}

// String is Python's str(): 2026-03-14 09:05:07.
func (d DateTime) String() string { return d.iso(" ") }

func (d DateTime) iso(sep string) string {
	return dateOf(d.Time).String() + sep + d.clock().String()
}

func (d DateTime) micro() int { return d.Time.Nanosecond() / 1000 }

func (d DateTime) clock() timeOfDay {
	t := timeOfDay{hour: d.Time.Hour(), minute: d.Time.Minute(), second: d.Time.Second(), micro: d.micro()}
	if !d.Naive {
		t.zone = d.Time.Format("-07:00")
	}
	return t
}

// key identifies the instant, naive or not, for hashing.
func (d DateTime) key() any {
	return struct {
		micros int64
		naive  bool
	}{d.Time.UnixMicro(), d.Naive}
}

func (d DateTime) add(delta TimeDelta) (any, error) {
	const perStep = 100 * 365 * microsPerDay // time.Duration holds 292 years
	t := d.Time
	for ; delta > perStep; delta -= perStep {
		t = t.AddDate(0, 0, perStep.days())
	}
	for ; delta < -perStep; delta += perStep {
		t = t.AddDate(0, 0, -perStep.days())
	}
	t = t.Add(time.Duration(delta) * time.Microsecond)
	if _, err := checkedDate(dateOf(t)); err != nil {
		return nil, err
	}
	return DateTime{t, d.Naive}, nil
}

func (d DateTime) repr() string {
	s := fmt.Sprintf("datetime.datetime(%d, %d, %d, %d, %d", d.Time.Year(), int(d.Time.Month()), d.Time.Day(),
		d.Time.Hour(), d.Time.Minute())
	if d.Time.Second() != 0 || d.micro() != 0 {
		s += fmt.Sprintf(", %d", d.Time.Second())
	}
	if d.micro() != 0 {
		s += fmt.Sprintf(", %d", d.micro())
	}
	if !d.Naive {
		s += ", tzinfo=datetime.timezone.utc"
	}
	return s + ")"
}

func (t timeOfDay) String() string {
	s := fmt.Sprintf("%02d:%02d:%02d", t.hour, t.minute, t.second)
	if t.micro != 0 {
		s += fmt.Sprintf(".%06d", t.micro)
	}
	return s + t.zone
}

func (t timeOfDay) repr() string {
	s := fmt.Sprintf("datetime.time(%d, %d", t.hour, t.minute)
	if t.second != 0 || t.micro != 0 {
		s += fmt.Sprintf(", %d", t.second)
	}
	if t.micro != 0 {
		s += fmt.Sprintf(", %d", t.micro)
	}
	return s + ")"
}

func (t timeOfDay) micros() int64 {
	return int64((t.hour*60+t.minute)*60+t.second)*1_000_000 + int64(t.micro)
}

// days is the whole days, rounded down as Python normalizes a timedelta.
func (d TimeDelta) days() int { return int(floorDiv64(int64(d), int64(microsPerDay))) }

func (d TimeDelta) seconds() int {
	return int((int64(d) - int64(d.days())*int64(microsPerDay)) / int64(microsPerSecond))
}

func (d TimeDelta) micros() int {
	rest := int64(d) - int64(d.days())*int64(microsPerDay)
	return int(rest % int64(microsPerSecond))
}

// String is Python's str(): "2 days, 0:00:05".
func (d TimeDelta) String() string {
	secs := d.seconds()
	s := fmt.Sprintf("%d:%02d:%02d", secs/3600, secs/60%60, secs%60)
	if days := d.days(); days != 0 {
		plural := "s"
		if days == 1 || days == -1 {
			plural = ""
		}
		s = fmt.Sprintf("%d day%s, %s", days, plural, s)
	}
	if us := d.micros(); us != 0 {
		s += fmt.Sprintf(".%06d", us)
	}
	return s
}

func (d TimeDelta) repr() string {
	sep, s := "", "datetime.timedelta("
	for _, part := range []struct {
		name  string
		value int
	}{{"days", d.days()}, {"seconds", d.seconds()}, {"microseconds", d.micros()}} {
		if part.value != 0 {
			s += fmt.Sprintf("%s%s=%d", sep, part.name, part.value)
			sep = ", "
		}
	}
	if sep == "" {
		s += "0"
	}
	return s + ")"
}

// subtractDates is a - b for dates and datetimes.
func subtractDates(a, b any) (any, bool, error) {
	switch a := a.(type) {
	case Date:
		switch b := b.(type) {
		case Date:
			days := (a.midnight().Unix() - b.midnight().Unix()) / 86400
			return TimeDelta(days) * microsPerDay, true, nil
		case TimeDelta:
			v, err := a.add(-b)
			return v, true, err
		}
	case DateTime:
		switch b := b.(type) {
		case DateTime:
			if a.Naive != b.Naive {
				return nil, true, typeError("can't subtract offset-naive and offset-aware datetimes")
			}
			return TimeDelta(a.Time.UnixMicro() - b.Time.UnixMicro()), true, nil
		case TimeDelta:
			v, err := a.add(-b)
			return v, true, err
		}
	}
	return nil, false, nil
}
