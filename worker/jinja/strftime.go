package jinja

import (
	"fmt"
	"strings"
	"time"
)

// strftime formats a date, datetime or time in the C locale.
func strftime(v any, layout string) (string, error) {
	var t time.Time
	naive := true
	switch v := v.(type) {
	case Date:
		t = v.midnight()
	case DateTime:
		t, naive = v.Time, v.Naive
	case timeOfDay:
		t = time.Date(1900, 1, 1, v.hour, v.minute, v.second, v.micro*1000, time.UTC)
	}
	var b strings.Builder
	for i := 0; i < len(layout); i++ {
		if layout[i] != '%' || i+1 == len(layout) {
			b.WriteByte(layout[i])
			continue
		}
		i++
		if layout[i] == '-' && i+1 < len(layout) {
			i++
			s := strings.TrimLeft(timeField(t, naive, layout[i]), "0 ")
			if s == "" {
				s = "0"
			}
			b.WriteString(s)
			continue
		}
		b.WriteString(timeField(t, naive, layout[i]))
	}
	return b.String(), nil
}

// timeField is one conversion of strftime; an unknown one stays as written.
func timeField(t time.Time, naive bool, c byte) string {
	switch c {
	case 'Y':
		return fmt.Sprint(t.Year())
	case 'G', 'V':
		year, week := t.ISOWeek()
		if c == 'G' {
			return fmt.Sprint(year)
		}
		return fmt.Sprintf("%02d", week)
	case 'g':
		year, _ := t.ISOWeek()
		return fmt.Sprintf("%02d", year%100)
	case 'C':
		return fmt.Sprintf("%02d", t.Year()/100)
	case 'u':
		return fmt.Sprint(isoWeekday(t))
	case 'w':
		return fmt.Sprint(int(t.Weekday()))
	case 'j':
		return fmt.Sprintf("%03d", t.YearDay())
	case 'U':
		return fmt.Sprintf("%02d", (t.YearDay()+6-int(t.Weekday()))/7)
	case 'W':
		return fmt.Sprintf("%02d", (t.YearDay()+6-(int(t.Weekday())+6)%7)/7)
	case 'e':
		return fmt.Sprintf("%2d", t.Day())
	case 'k':
		return fmt.Sprintf("%2d", t.Hour())
	case 'f':
		return fmt.Sprintf("%06d", t.Nanosecond()/1000)
	case 's':
		return fmt.Sprint(t.Unix())
	case 'z', 'Z':
		if naive {
			return ""
		}
		if c == 'Z' {
			return zoneName(t)
		}
		return t.Format("-0700")
	case '%':
		return "%"
	case 'n':
		return "\n"
	case 't':
		return "\t"
	}
	if layout := goLayout(c); layout != "" {
		return t.Format(layout)
	}
	return "%" + string(c)
}

func zoneName(t time.Time) string {
	_, offset := t.Zone()
	if offset == 0 {
		return "UTC"
	}
	return "UTC" + t.Format("-07:00")
}

func goLayout(c byte) string {
	switch c {
	case 'm':
		return "01"
	case 'd':
		return "02"
	case 'y':
		return "06"
	case 'H':
		return "15"
	case 'I':
		return "03"
	case 'M':
		return "04"
	case 'S':
		return "05"
	case 'p':
		return "PM"
	case 'P':
		return "pm"
	case 'a':
		return "Mon"
	case 'A':
		return "Monday"
	case 'b', 'h':
		return "Jan"
	case 'B':
		return "January"
	case 'c':
		return "Mon Jan _2 15:04:05 2006"
	case 'x', 'D':
		return "01/02/06"
	case 'X', 'T':
		return "15:04:05"
	case 'F':
		return "2006-01-02"
	case 'R':
		return "15:04"
	case 'r':
		return "03:04:05 PM"
	}
	return ""
}

func isoWeekday(t time.Time) int { return (int(t.Weekday())+6)%7 + 1 }
