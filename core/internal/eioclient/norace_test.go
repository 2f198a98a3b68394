//go:build !race

package eioclient_test

const raceEnabled = false
