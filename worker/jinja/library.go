package jinja

import (
	"math/big"

	"github.com/shopspring/decimal"
)

// library holds everything built in. It never changes once made.
type library struct {
	filters map[string]*builtin
	tests   map[string]*builtin
	globals map[string]any

	str, bytes, dict, list, tuple map[string]*builtin
	integer, float, decimal, rng  map[string]*builtin
	date, dateTime, time, delta   map[string]*builtin
	loop, cycler                  map[string]*builtin
}

func newLibrary() *library {
	return &library{
		filters: filters(), tests: tests(), globals: globals(),
		str: strMethods(), bytes: bytesMethods(), dict: dictMethods(), list: listMethods(), tuple: tupleMethods(),
		integer: intMethods(), float: floatMethods(), decimal: decimalMethods(), rng: rangeMethods(),
		date: dateMethods(), dateTime: dateTimeMethods(), time: timeMethods(), delta: deltaMethods(),
		loop: loopMethods(), cycler: cyclerMethods(),
	}
}

// method returns the method of that name the value's type has, or nil.
func (lib *library) method(v any, name string) *builtin {
	switch v := v.(type) {
	case string, markup:
		return lib.str[name]
	case *Dict:
		return lib.dict[name]
	case *List:
		if v.tuple {
			return lib.tuple[name]
		}
		return lib.list[name]
	case int64, *big.Int, bool:
		return lib.integer[name]
	case float64:
		return lib.float[name]
	case decimal.Decimal:
		return lib.decimal[name]
	case bytesValue:
		return lib.bytes[name]
	case Date:
		return lib.date[name]
	case DateTime:
		return lib.dateTime[name]
	case timeOfDay:
		return lib.time[name]
	case TimeDelta:
		return lib.delta[name]
	case *loopContext:
		return lib.loop[name]
	case *cycler:
		return lib.cycler[name]
	case *rangeValue:
		return lib.rng[name]
	}
	return nil
}
