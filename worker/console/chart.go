package console

import (
	"github.com/rossum-relay/rossum-relay/worker/console/index"
)

// chart is the bars of the overview, in the units of its SVG.
type chart struct {
	Bars          []bar
	Most          int
	Width, Height int
	Ticks         []tick
}

type bar struct {
	index.Hour
	X, Width                           int
	AcceptedY, AcceptedH, DoneY, DoneH int
	DeadY, DeadH                       int
	Label                              string
}

type tick struct {
	X     int
	Label string
}

const (
	chartHeight = 120
	barWidth    = 16
	barGap      = 4
	tickEvery   = 6
)

// chartOf lays out the hours: accepted behind, done and dead beside each other before it.
func chartOf(hours []index.Hour) chart {
	c := chart{Height: chartHeight, Width: len(hours) * (barWidth + barGap), Most: 1}
	for _, h := range hours {
		c.Most = max(c.Most, h.Accepted, h.Done, h.Dead)
	}
	height := func(n int) int {
		if n == 0 {
			return 0
		}
		return max(n*chartHeight/c.Most, 2) // one is to be seen
	}
	for i, h := range hours {
		b := bar{Hour: h, X: i * (barWidth + barGap), Width: barWidth, Label: h.Begins.Local().Format("Mon 15:04")}
		b.AcceptedH, b.DoneH, b.DeadH = height(h.Accepted), height(h.Done), height(h.Dead)
		b.AcceptedY, b.DoneY, b.DeadY = chartHeight-b.AcceptedH, chartHeight-b.DoneH, chartHeight-b.DeadH
		c.Bars = append(c.Bars, b)
		if h.Begins.Local().Hour()%tickEvery == 0 {
			c.Ticks = append(c.Ticks, tick{b.X, h.Begins.Local().Format("15:04")})
		}
	}
	return c
}
