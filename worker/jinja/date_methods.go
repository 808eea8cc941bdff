package jinja

import (
	"math"
	"time"
)

func dateMethods() map[string]*builtin {
	return methodTable(
		method{"strftime", "format", dateStrftime},
		method{"isoformat", "/", func(c *call) (any, error) { return c.self.(Date).String(), nil }},
		method{"weekday", "/", func(c *call) (any, error) { return int64(isoWeekday(c.self.(Date).midnight()) - 1), nil }},
		method{"isoweekday", "/", func(c *call) (any, error) { return int64(isoWeekday(c.self.(Date).midnight())), nil }},
		method{"isocalendar", "/", func(c *call) (any, error) { return isoCalendar(c.self.(Date).midnight()), nil }},
		method{"toordinal", "/", func(c *call) (any, error) { return ordinal(c.self.(Date).midnight()), nil }},
		method{"ctime", "/", func(c *call) (any, error) { return c.self.(Date).midnight().Format(goLayout('c')), nil }},
		method{"replace", "year? month? day?", dateReplace},
	)
}

func dateTimeMethods() map[string]*builtin {
	return methodTable(
		method{"strftime", "format", dateStrftime},
		method{"isoformat", "sep? timespec?", dateTimeIsoformat},
		method{"date", "/", func(c *call) (any, error) { return dateOf(c.self.(DateTime).Time), nil }},
		method{"time", "/", func(c *call) (any, error) { t := c.self.(DateTime).clock(); t.zone = ""; return t, nil }},
		method{"weekday", "/", func(c *call) (any, error) { return int64(isoWeekday(c.self.(DateTime).Time) - 1), nil }},
		method{"isoweekday", "/", func(c *call) (any, error) { return int64(isoWeekday(c.self.(DateTime).Time)), nil }},
		method{"isocalendar", "/", func(c *call) (any, error) { return isoCalendar(c.self.(DateTime).Time), nil }},
		method{"toordinal", "/", func(c *call) (any, error) { return ordinal(dateOf(c.self.(DateTime).Time).midnight()), nil }},
		method{"ctime", "/", func(c *call) (any, error) { return c.self.(DateTime).Time.Format(goLayout('c')), nil }},
		method{"timestamp", "/", func(c *call) (any, error) { return float64(c.self.(DateTime).Time.UnixMicro()) / 1e6, nil }},
		method{"utcoffset", "/", dateTimeOffset},
		method{"replace", "year? month? day? hour? minute? second? microsecond?", dateTimeReplace},
	)
}

func timeMethods() map[string]*builtin {
	return methodTable(
		method{"strftime", "format", dateStrftime},
		method{"isoformat", "/", func(c *call) (any, error) { return c.self.(timeOfDay).String(), nil }},
	)
}

func deltaMethods() map[string]*builtin {
	return methodTable(
		method{"total_seconds", "/", func(c *call) (any, error) { return float64(c.self.(TimeDelta)) / 1e6, nil }},
	)
}

// dateAttr reads the fields of dates and times.
func dateAttr(v any, name string) (any, bool) {
	fields := map[string]int{}
	switch v := v.(type) {
	case Date:
		fields = map[string]int{"year": v.Year, "month": int(v.Month), "day": v.Day}
	case DateTime:
		if name == "tzinfo" {
			if v.Naive {
				return nil, true
			}
			return zoneName(v.Time), true
		}
		d, t := dateOf(v.Time), v.clock()
		fields = map[string]int{"year": d.Year, "month": int(d.Month), "day": d.Day, "hour": t.hour,
			"minute": t.minute, "second": t.second, "microsecond": t.micro}
	case timeOfDay:
		fields = map[string]int{"hour": v.hour, "minute": v.minute, "second": v.second, "microsecond": v.micro}
	case TimeDelta:
		fields = map[string]int{"days": v.days(), "seconds": v.seconds(), "microseconds": v.micros()}
	}
	n, ok := fields[name]
	return int64(n), ok
}

func dateStrftime(c *call) (any, error) {
	layout, err := c.str(0)
	if err != nil {
		return nil, err
	}
	if err := c.rt.repeatBytes(16, len(layout)); err != nil {
		return nil, err
	}
	return strftime(c.self, layout)
}

func isoCalendar(t time.Time) any {
	year, week := t.ISOWeek()
	tuple := newTuple(int64(year), int64(week), int64(isoWeekday(t)))
	tuple.names = []string{"year", "week", "weekday"}
	tuple.kind = "datetime.IsoCalendarDate"
	return tuple
}

// ordinal counts days from 0001-01-01, which is day 1.
func ordinal(t time.Time) any {
	first := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	return (t.Unix()-first.Unix())/86400 + 1
}

func dateTimeIsoformat(c *call) (any, error) {
	sep := "T"
	if c.has(0) {
		var err error
		if sep, err = c.str(0); err != nil {
			return nil, err
		}
	}
	d := c.self.(DateTime)
	if !c.has(1) {
		return d.iso(sep), nil
	}
	spec, err := c.str(1)
	if err != nil {
		return nil, err
	}
	layouts := map[string]string{"hours": "15", "minutes": "15:04", "seconds": "15:04:05",
		"milliseconds": "15:04:05.000", "microseconds": "15:04:05.000000"}
	layout, ok := layouts[spec]
	switch {
	case spec == "auto":
		return d.iso(sep), nil
	case !ok:
		return nil, valueError("unknown timespec value")
	}
	return dateOf(d.Time).String() + sep + d.Time.Format(layout) + d.clock().zone, nil
}

func dateTimeOffset(c *call) (any, error) {
	d := c.self.(DateTime)
	if d.Naive {
		return nil, nil
	}
	_, offset := d.Time.Zone()
	return TimeDelta(offset) * microsPerSecond, nil
}

// fields reads the arguments of replace over the present values.
func (c *call) fields(values ...int) ([]int, error) {
	for i := range values {
		var err error
		if values[i], err = c.integer(i, values[i]); err != nil {
			return nil, err
		}
	}
	return values, nil
}

func dateReplace(c *call) (any, error) {
	d := c.self.(Date)
	f, err := c.fields(d.Year, int(d.Month), d.Day)
	if err != nil {
		return nil, err
	}
	return validDate(f[0], f[1], f[2])
}

func validDate(year, month, day int) (Date, error) {
	d := Date{year, time.Month(month), day}
	if year < 1 || year > math.MaxInt16 || dateOf(d.midnight()) != d {
		return d, valueError("day is out of range for month")
	}
	return d, nil
}

func dateTimeReplace(c *call) (any, error) {
	d := c.self.(DateTime)
	t := d.clock()
	f, err := c.fields(d.Time.Year(), int(d.Time.Month()), d.Time.Day(), t.hour, t.minute, t.second, t.micro)
	if err != nil {
		return nil, err
	}
	if _, err := validDate(f[0], f[1], f[2]); err != nil {
		return nil, err
	}
	for i, limit := range []int{24, 60, 60, 1_000_000} {
		if f[3+i] < 0 || f[3+i] >= limit {
			return nil, valueError("time field is out of range")
		}
	}
	return DateTime{time.Date(f[0], time.Month(f[1]), f[2], f[3], f[4], f[5], f[6]*1000, d.Time.Location()), d.Naive}, nil
}
