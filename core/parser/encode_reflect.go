package parser

import (
	"cmp"
	"encoding"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
)

// maxNesting bounds the recursion of an encoder, and with it cyclic values. It
// counts pointers and interfaces as well, so it allows for at least 1000 levels
// of JSON.
const maxNesting = 4000

func (e *encoder) enter() error {
	if e.depth >= maxNesting {
		return errDepth
	}
	e.depth++
	return nil
}

// reflected encodes v, whose type p describes, like encoding/json.
func (e *encoder) reflected(v reflect.Value, p *plan) error {
	if !p.encodes || p.marshals || p.addrMarshals && v.CanAddr() {
		if v.CanInterface() {
			return e.leafValue(v, p)
		}
	}
	if err := e.enter(); err != nil {
		return err
	}
	err := e.composite(v, p)
	e.depth--
	return err
}

// composite encodes a value that can hold others, or an attachment.
func (e *encoder) composite(v reflect.Value, p *plan) error {
	switch p.kind {
	case reflect.Interface:
		return e.dynamic(v)
	case reflect.Pointer:
		if v.IsNil() {
			break
		}
		return e.reflected(v.Elem(), p.elem)
	case reflect.Struct:
		return e.structure(v, p)
	case reflect.Map:
		if v.IsNil() && p.keyed {
			break
		}
		return e.mapping(v, p)
	case reflect.Slice:
		if p.bytes {
			return e.bytes(v.Bytes())
		}
		if v.IsNil() {
			break
		}
		return e.sequence(v, p.elem)
	case reflect.Array:
		return e.sequence(v, p.elem)
	default:
		return &json.UnsupportedTypeError{Type: p.typ}
	}
	e.buf = append(e.buf, "null"...)
	return nil
}

// dynamic encodes what an interface holds.
func (e *encoder) dynamic(v reflect.Value) error {
	v = v.Elem()
	if !v.IsValid() {
		e.buf = append(e.buf, "null"...)
		return nil
	}
	if v.CanInterface() {
		return e.value(v.Interface())
	}
	return e.reflected(v, planOf(v.Type()))
}

// leafValue encodes a value that holds no attachments. If it is addressable,
// encoding/json has to see that: methods of the pointer count then.
func (e *encoder) leafValue(v reflect.Value, p *plan) error {
	if p.scalar {
		switch p.kind {
		case reflect.String:
			e.buf = appendString(e.buf, v.String())
			return nil
		case reflect.Bool:
			e.buf = strconv.AppendBool(e.buf, v.Bool())
			return nil
		case reflect.Float64:
			return e.float(v.Float())
		case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
			e.buf = strconv.AppendInt(e.buf, v.Int(), 10)
			return nil
		case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
			e.buf = strconv.AppendUint(e.buf, v.Uint(), 10)
			return nil
		}
	}
	if v.CanAddr() {
		v = v.Addr()
	}
	return e.leaf(v.Interface())
}

func (e *encoder) structure(v reflect.Value, p *plan) error {
	e.buf = append(e.buf, '{')
	empty := true
	for i := range p.fields {
		f := &p.fields[i]
		fv, ok := f.of(v)
		if !ok || f.omitEmpty && isEmpty(fv) || f.omitZero && f.isZero(fv) {
			continue
		}
		if !empty {
			e.buf = append(e.buf, ',')
		}
		empty = false
		e.buf = append(e.buf, f.label...)
		if f.quoted != nil {
			if err := e.quoted(fv, f.quoted); err != nil {
				return err
			}
		} else if err := e.reflected(fv, f.plan); err != nil {
			return err
		}
	}
	e.buf = append(e.buf, '}')
	return nil
}

// quoted encodes the value of a field that has the option "string". It leaves it
// to encoding/json, in a struct that has such a field only: {"f":…}.
func (e *encoder) quoted(v reflect.Value, box reflect.Type) error {
	boxed := reflect.New(box).Elem()
	boxed.Field(0).Set(v)
	start := len(e.buf)
	if err := e.std.Encode(boxed.Interface()); err != nil {
		return err
	}
	end := len(e.buf) - len("}\n")
	e.buf = append(e.buf[:start], e.buf[start+len(boxStart):end]...)
	return nil
}

func (e *encoder) sequence(v reflect.Value, elem *plan) error {
	e.buf = append(e.buf, '[')
	for i := range v.Len() {
		if i > 0 {
			e.buf = append(e.buf, ',')
		}
		if err := e.reflected(v.Index(i), elem); err != nil {
			return err
		}
	}
	e.buf = append(e.buf, ']')
	return nil
}

// entry is an entry of a map, with its key as text.
type entry struct {
	key   string
	value reflect.Value
}

func (e *encoder) mapping(v reflect.Value, p *plan) error {
	if !p.keyed {
		return &json.UnsupportedTypeError{Type: p.typ}
	}
	entries := make([]entry, 0, v.Len())
	for it := v.MapRange(); it.Next(); {
		key, err := keyText(it.Key())
		if err != nil {
			return err
		}
		entries = append(entries, entry{key, it.Value()})
	}
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.key, b.key) })
	e.buf = append(e.buf, '{')
	for i := range entries {
		e.label(i, entries[i].key)
		if err := e.reflected(entries[i].value, p.elem); err != nil {
			return err
		}
	}
	e.buf = append(e.buf, '}')
	return nil
}

// keyText returns the key of a map as text.
func keyText(k reflect.Value) (string, error) {
	if k.Kind() == reflect.String {
		return k.String(), nil
	}
	if k.CanInterface() {
		if m, ok := k.Interface().(encoding.TextMarshaler); ok {
			if k.Kind() == reflect.Pointer && k.IsNil() {
				return "", nil
			}
			b, err := m.MarshalText()
			return string(b), err
		}
	}
	switch {
	case k.CanInt():
		return strconv.FormatInt(k.Int(), 10), nil
	case k.CanUint():
		return strconv.FormatUint(k.Uint(), 10), nil
	}
	return "", &json.UnsupportedTypeError{Type: k.Type()}
}

// label appends the key of an object's member at position i.
func (e *encoder) label(i int, key string) {
	if i > 0 {
		e.buf = append(e.buf, ',')
	}
	e.buf = appendString(e.buf, key)
	e.buf = append(e.buf, ':')
}

// object encodes the most common map without reflection.
func (e *encoder) object(m map[string]any) error {
	if m == nil {
		e.buf = append(e.buf, "null"...)
		return nil
	}
	if err := e.enter(); err != nil {
		return err
	}
	var room [16]string
	keys := slices.AppendSeq(room[:0], maps.Keys(m))
	slices.Sort(keys)
	e.buf = append(e.buf, '{')
	for i, key := range keys {
		e.label(i, key)
		if err := e.value(m[key]); err != nil {
			return err
		}
	}
	e.buf = append(e.buf, '}')
	e.depth--
	return nil
}

// array encodes the most common slice without reflection.
func (e *encoder) array(values []any) error {
	if values == nil {
		e.buf = append(e.buf, "null"...)
		return nil
	}
	if err := e.enter(); err != nil {
		return err
	}
	e.buf = append(e.buf, '[')
	for i, v := range values {
		if i > 0 {
			e.buf = append(e.buf, ',')
		}
		if err := e.value(v); err != nil {
			return err
		}
	}
	e.buf = append(e.buf, ']')
	e.depth--
	return nil
}
