package limits

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
)

// hours are opening hours, ready to ask.
type hours struct {
	days     map[time.Weekday]bool // nil means every day
	from, to time.Duration         // since midnight; to before from spans midnight
	zone     *time.Location
	closed   []string
}

// OpensAgain is when a target with these opening hours opens next; the zero time while it is open.
func OpensAgain(c *configs.Hours, now time.Time) (time.Time, error) {
	h, err := newHours(c)
	if err != nil {
		return time.Time{}, err
	}
	return h.openAgain(now), nil
}

func newHours(c *configs.Hours) (*hours, error) {
	if c == nil {
		return nil, nil
	}
	h := &hours{closed: c.Closed}
	var err error
	if h.zone, err = time.LoadLocation(c.Zone); err != nil {
		return nil, fmt.Errorf("opening hours: %w", err)
	}
	if h.from, err = clock(c.From); err != nil {
		return nil, err
	}
	if h.to, err = clock(c.To); err != nil {
		return nil, err
	}
	for _, d := range c.Days {
		day, ok := weekday(d)
		if !ok {
			return nil, fmt.Errorf("opening hours: %q is no day", d)
		}
		if h.days == nil {
			h.days = map[time.Weekday]bool{}
		}
		h.days[day] = true
	}
	return h, nil
}

func clock(s string) (time.Duration, error) {
	t, err := time.Parse("15:04", s)
	if err != nil {
		return 0, fmt.Errorf("opening hours: %q is not HH:MM", s)
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, nil
}

func weekday(s string) (time.Weekday, bool) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if name := strings.ToLower(d.String()); len(s) >= 3 && strings.HasPrefix(name, strings.ToLower(s)) {
			return d, true
		}
	}
	return 0, false
}

// openAgain is when the target opens next; the zero time while it is open. A day's hours belong to the day they begin on.
func (h *hours) openAgain(now time.Time) time.Time {
	if h == nil {
		return time.Time{}
	}
	local := now.In(h.zone)
	for offset := -1; offset <= 400; offset++ {
		day := time.Date(local.Year(), local.Month(), local.Day()+offset, 0, 0, 0, 0, h.zone)
		if !h.opensOn(day) {
			continue
		}
		begin, end := h.at(day, h.from), h.at(day, h.to)
		if h.to <= h.from {
			end = h.at(day.AddDate(0, 0, 1), h.to)
		}
		if now.Before(begin) {
			return begin
		}
		if now.Before(end) {
			return time.Time{}
		}
	}
	return now.AddDate(1, 0, 0) // closed for good, as configured
}

func (h *hours) opensOn(day time.Time) bool {
	return (h.days == nil || h.days[day.Weekday()]) && !slices.Contains(h.closed, day.Format(time.DateOnly))
}

// at is a wall clock time of a day, also where daylight saving makes the day shorter or longer.
func (h *hours) at(day time.Time, d time.Duration) time.Time {
	return time.Date(day.Year(), day.Month(), day.Day(), int(d/time.Hour), int(d%time.Hour/time.Minute), 0, 0, h.zone)
}
