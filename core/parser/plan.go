package parser

import (
	"encoding"
	"encoding/json"
	"reflect"
	"sync"
)

var (
	marshaler       = reflect.TypeFor[json.Marshaler]()
	textMarshaler   = reflect.TypeFor[encoding.TextMarshaler]()
	unmarshaler     = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
	jsonNumber      = reflect.TypeFor[json.Number]()
)

// A plan is what there is to know about a type: whether values of it can hold
// attachments at all, and if so, how to find them. It is immutable once
// published.
type plan struct {
	typ  reflect.Type
	kind reflect.Kind

	// encodes and decodes report whether values can hold attachments. All others
	// are left to encoding/json.
	encodes, decodes bool

	// fast reports that values are read faster here than by encoding/json.
	fast bool

	marshals     bool // has its own JSON form
	addrMarshals bool // has its own JSON form if it is addressable
	unmarshals   bool // reads its own JSON form
	scalar       bool // string, bool or number, without methods
	settable     bool // string, bool or number that has no way of its own to be read
	bytes        bool // a slice of bytes
	keyed        bool // a map whose keys have a text form
	textKeyed    bool // a map whose keys read their text form

	elem   *plan // of pointers, slices, arrays, maps
	fields []field
	byName map[string]int // positions in fields
}

var (
	plans  sync.Map   // reflect.Type → *plan
	planMu sync.Mutex // held while plans are made, so that they are made once
)

// planOf returns the plan for t.
func planOf(t reflect.Type) *plan {
	if p, ok := plans.Load(t); ok {
		return p.(*plan)
	}
	planMu.Lock()
	defer planMu.Unlock()
	b := planner{}
	root := b.plan(t)
	// Types may refer to each other in circles: nothing is published before all
	// of it is known.
	for _, p := range b {
		p.encodes = p.reaches(map[*plan]bool{}, (*plan).endsEncoding)
		p.decodes = p.reaches(map[*plan]bool{}, (*plan).endsDecoding)
		p.fast = !p.reaches(map[*plan]bool{}, (*plan).endsFast)
	}
	for t, p := range b {
		plans.LoadOrStore(t, p)
	}
	return root
}

// A planner holds the plans that are being made.
type planner map[reflect.Type]*plan

func (b planner) plan(t reflect.Type) *plan {
	if p, ok := plans.Load(t); ok {
		return p.(*plan)
	}
	if p, ok := b[t]; ok {
		return p
	}
	p := &plan{typ: t, kind: t.Kind()}
	b[t] = p
	ptr := reflect.PointerTo(t)
	p.marshals = t.Implements(marshaler) || t.Implements(textMarshaler)
	if p.kind != reflect.Pointer {
		p.addrMarshals = ptr.Implements(marshaler) || ptr.Implements(textMarshaler)
		p.unmarshals = ptr.Implements(unmarshaler) || ptr.Implements(textUnmarshaler)
	}
	switch p.kind {
	case reflect.Slice:
		p.elem = b.plan(t.Elem())
		p.bytes = p.elem.kind == reflect.Uint8 && !p.elem.marshals && !p.elem.addrMarshals
	case reflect.Pointer, reflect.Array:
		p.elem = b.plan(t.Elem())
	case reflect.Map:
		p.elem = b.plan(t.Elem())
		p.keyed = t.Key().Implements(textMarshaler) || isKeyKind(t.Key().Kind())
		p.textKeyed = reflect.PointerTo(t.Key()).Implements(textUnmarshaler)
	case reflect.Struct:
		b.structure(p)
	default:
		simple := isScalarKind(p.kind) && t != jsonNumber
		p.scalar = simple && !p.marshals && !p.addrMarshals
		p.settable = simple && !p.unmarshals
	}
	return p
}

func isScalarKind(k reflect.Kind) bool {
	return k == reflect.String || k >= reflect.Bool && k <= reflect.Float64
}

func isKeyKind(k reflect.Kind) bool {
	return k == reflect.String || k >= reflect.Int && k <= reflect.Uintptr
}

func (b planner) structure(p *plan) {
	p.fields = structFields(p.typ)
	p.byName = make(map[string]int, len(p.fields))
	for i := range p.fields {
		f := &p.fields[i]
		f.plan = b.plan(f.typ)
		p.byName[f.name] = i
	}
}

// reaches reports whether a value of p can contain one where ends says that
// there is an attachment. seen holds the plans that were asked already.
func (p *plan) reaches(seen map[*plan]bool, ends func(*plan) (found, leaf bool)) bool {
	if seen[p] {
		return false
	}
	seen[p] = true
	if found, leaf := ends(p); found || leaf {
		return found
	}
	if p.elem != nil && p.elem.reaches(seen, ends) {
		return true
	}
	for i := range p.fields {
		if p.fields[i].plan.reaches(seen, ends) {
			return true
		}
	}
	return false
}

func (p *plan) endsEncoding() (found, leaf bool) {
	return !p.marshals && (p.bytes || p.kind == reflect.Interface), p.marshals
}

func (p *plan) endsDecoding() (found, leaf bool) {
	plain := p.kind == reflect.Interface && p.typ.NumMethod() == 0
	return !p.unmarshals && (p.kind == reflect.Slice && p.elem.kind == reflect.Uint8 || plain), p.unmarshals
}

func (p *plan) endsFast() (slow, leaf bool) {
	switch p.kind {
	case reflect.Interface:
		return p.typ.NumMethod() > 0, true
	case reflect.Map:
		return p.unmarshals || p.textKeyed || p.typ.Key().Kind() != reflect.String, false
	case reflect.Struct, reflect.Slice, reflect.Array, reflect.Pointer:
		return p.unmarshals, false
	}
	return !p.settable, true
}
