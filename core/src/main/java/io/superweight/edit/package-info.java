/**
 * What a user changes about a model before it is measured, written on the command line or in a
 * file.
 */
package io.superweight.edit;
