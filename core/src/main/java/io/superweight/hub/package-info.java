/**
 * Files of the Hugging Face hub: a cache that is shared, file by file and lock by lock, with
 * Python's huggingface_hub, and a client that fills it. What a file holds is for the floors above
 * to know.
 */
package io.superweight.hub;
