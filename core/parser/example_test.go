package parser_test

import (
	"fmt"

	"github.com/gosocketio/sio/core/parser"
)

func ExampleJSON() {
	type Picture struct {
		Name string `json:"name"`
		Data []byte `json:"data"`
	}
	p := new(parser.JSON)

	e, err := p.Encode(parser.Header{Type: parser.Event, Namespace: "/album", Event: "picture"}, Picture{"cat", []byte("meow")})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s\n%q\n", e.Data, e.Attachments)

	d := p.NewDecoder()
	packet, err := d.Decode(e.Data, false)
	for i := 0; err == nil && packet == nil; i++ {
		packet, err = d.Decode(e.Attachments[i], true)
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	var picture Picture
	err = packet.Args.Scan(&picture)
	fmt.Printf("%s %s: %s is %q, %v\n", packet.Namespace, packet.Event, picture.Name, picture.Data, err)
	// Output:
	// 51-/album,["picture",{"name":"cat","data":{"_placeholder":true,"num":0}}]
	// ["meow"]
	// /album picture: cat is "meow", <nil>
}
