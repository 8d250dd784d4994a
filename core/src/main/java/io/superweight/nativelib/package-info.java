/**
 * Shared libraries that travel inside jars: unpacked once into a cache, checked before every load.
 *
 * <p>A damaged library file does not fail to load, it crashes the JVM; so nothing is loaded whose
 * size and SHA-256 have not just been seen to be right.
 */
package io.superweight.nativelib;
