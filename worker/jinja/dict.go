package jinja

import (
	"fmt"
	"iter"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"
)

// Dict is a Python dict: ordered by insertion and shared by reference. It must
// not be used by two renderings at once unless no template changes it.
type Dict struct {
	entries []entry
	index   map[any]int // by hash key; nil while the dict is small
	lazy    bool        // values may still be Go slices and maps; only inside one rendering
}

type entry struct {
	hash  any // the key, normalized so that == is Python's equality
	key   any
	value any
}

// smallDict is the size up to which a scan beats a map.
const smallDict = 8

// NewDict returns an empty dict with room for n entries.
func NewDict(n int) *Dict {
	return &Dict{entries: make([]entry, 0, n)}
}

// Len returns the number of entries.
func (d *Dict) Len() int { return len(d.entries) }

// Set stores a host value under key.
func (d *Dict) Set(key string, value any) { d.put(key, key, fromHost(value)) }

// Get returns the value under key.
func (d *Dict) Get(key string) (any, bool) {
	v, ok := d.lookup(key)
	return toHost(v), ok
}

// All visits the entries in order. Keys are strings unless a template used
// others.
func (d *Dict) All() iter.Seq2[any, any] {
	return func(yield func(any, any) bool) {
		for i := 0; i < len(d.entries); i++ {
			if !yield(toHost(d.entries[i].key), toHost(d.at(i))) {
				return
			}
		}
	}
}

// at returns the value of entry i, ready for use.
func (d *Dict) at(i int) any {
	v := d.entries[i].value
	if d.lazy {
		v = fromHostLazy(v)
		d.entries[i].value = v
	}
	return v
}

func (d *Dict) find(hash any) int {
	if d.index != nil {
		if i, ok := d.index[hash]; ok {
			return i
		}
		return -1
	}
	for i := range d.entries {
		if d.entries[i].hash == hash {
			return i
		}
	}
	return -1
}

func (d *Dict) findString(key string) int {
	if d.index != nil {
		return d.find(key)
	}
	for i := range d.entries {
		if s, ok := d.entries[i].hash.(string); ok && s == key {
			return i
		}
	}
	return -1
}

func (d *Dict) lookup(key string) (any, bool) {
	if i := d.findString(key); i >= 0 {
		return d.at(i), true
	}
	return nil, false
}

// get looks a template's key up; the error is of an unhashable key.
func (d *Dict) get(key any) (any, bool, error) {
	hash, err := hashKey(key, 0)
	if err != nil {
		return nil, false, err
	}
	if i := d.find(hash); i >= 0 {
		return d.at(i), true, nil
	}
	return nil, false, nil
}

func (d *Dict) set(key, value any) error {
	hash, err := hashKey(key, 0)
	if err == nil {
		d.put(hash, key, value)
	}
	return err
}

func (d *Dict) put(hash, key, value any) {
	if i := d.find(hash); i >= 0 {
		d.entries[i].value = value
		return
	}
	d.entries = append(d.entries, entry{hash, key, value})
	if d.index != nil {
		d.index[hash] = len(d.entries) - 1
	} else if len(d.entries) > smallDict {
		d.reindex()
	}
}

func (d *Dict) reindex() {
	d.index = nil
	if len(d.entries) > smallDict {
		d.index = make(map[any]int, 2*len(d.entries))
		for i := range d.entries {
			d.index[d.entries[i].hash] = i
		}
	}
}

// remove deletes entry i, keeping the order of the others.
func (d *Dict) remove(i int) {
	if i == len(d.entries)-1 {
		delete(d.index, d.entries[i].hash)
		d.entries = d.entries[:i]
		return
	}
	d.entries = slices.Delete(d.entries, i, i+1)
	d.reindex()
}

func (d *Dict) copy() *Dict {
	c := &Dict{entries: slices.Clone(d.entries), lazy: d.lazy}
	c.reindex()
	return c
}

// Hash keys of types whose Go equality is not Python's.
type (
	numberKey string // a number that no int64 or float64 equals
	tupleKey  string
	bytesKey  string
	undefKey  UndefinedKind
)

// hashKey normalizes a key so that Go's == on the result is Python's == on
// keys: 1, 1.0, True and Decimal(1) are one key.
func hashKey(key any, depth int) (any, error) {
	switch v := key.(type) {
	case string:
		return key, nil
	case markup:
		return string(v), nil
	case bool:
		if v {
			return int64(1), nil
		}
		return int64(0), nil
	case nil, int64, Date, timeOfDay, TimeDelta:
		return key, nil
	case DateTime:
		return v.key(), nil
	case *big.Int:
		return bigKey(v), nil
	case float64:
		return floatKey(v), nil
	case decimal.Decimal:
		return decimalKey(v), nil
	case bytesValue:
		return bytesKey(v), nil
	case *undefined:
		return undefKey(v.kind), v.strict()
	case *List:
		if v.tuple {
			return hashTuple(v, depth)
		}
	case *Dict:
	case *dictView:
		if v.kind == viewValues { // the one view without an equality of its own
			return hashIdentity(key)
		}
	default:
		return hashIdentity(key)
	}
	return nil, typeError("unhashable type: %s", quoteRepr(typeName(key)))
}

func hashTuple(t *List, depth int) (any, error) {
	if depth > maxHashDepth {
		return nil, raise(KindLimit, "tuple nested too deep")
	}
	var b strings.Builder
	for i := range t.items {
		h, err := hashKey(t.get(i), depth+1)
		if err != nil {
			return nil, err
		}
		part := fmt.Sprintf("%T:%v", h, h)
		b.WriteString(strconv.Itoa(len(part)))
		b.WriteByte(':')
		b.WriteString(part)
		if b.Len() > maxHashBytes {
			return nil, raise(KindLimit, "tuple is too large for a key")
		}
	}
	return tupleKey(b.String()), nil
}

// Bounds of a tuple used as a key.
const (
	maxHashDepth = 100
	maxHashBytes = 1 << 16
)

func bigKey(i *big.Int) any {
	if f, acc := new(big.Float).SetInt(i).Float64(); acc == big.Exact && !math.IsInf(f, 0) {
		return f
	}
	return numberKey(i.Text(16))
}

func floatKey(f float64) any {
	if f == math.Trunc(f) && f >= -(1<<63) && f < 1<<63 {
		return int64(f)
	}
	return f
}

func decimalKey(d decimal.Decimal) any {
	if d.Exponent() > maxDecimalExponent || d.Exponent() < -maxDecimalExponent {
		return numberKey("d" + d.Coefficient().Text(16) + "e" + strconv.Itoa(int(d.Exponent())))
	}
	if d.IsInteger() {
		if i := d.BigInt(); i.IsInt64() {
			return i.Int64()
		} else {
			return bigKey(i)
		}
	}
	if f, exact := d.Float64(); exact {
		return f
	}
	return numberKey("d" + d.String())
}
