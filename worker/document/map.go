package document

// Add appends a key unless its value is nothing: nil, "", an empty Map or an
// empty List.
func (m *Map) Add(key string, value any) {
	switch v := value.(type) {
	case nil:
		return
	case string:
		if v == "" {
			return
		}
	case Date:
		if v == "" {
			return
		}
	case Map:
		if len(v) == 0 {
			return
		}
	case List:
		if len(v) == 0 {
			return
		}
	}
	*m = append(*m, Entry{Key: key, Value: value})
}
