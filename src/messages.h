/* messages.h - the numbered messages, and what there is to say about each.
 *
 * Owns: codes and texts.  The library prints the short text; `memaix explain'
 * prints the long one; memaix-messages(7) has both.  A code never changes its
 * meaning and is never used again.  Must not know: who finds what.
 *
 * SPDX-License-Identifier: MIT  */

#ifndef MX_MESSAGES_H
#define MX_MESSAGES_H

/* X(number, NAME, short text, long text)  */
#define MX_MESSAGES(X) \
X(1, DOUBLE_FREE, "the block was freed already", \
"The program freed a block that it had freed before and not got anew.\n" \
"Two owners of one object, each of which frees it, is the usual cause; set the\n" \
"pointer to NULL after the first free to find the second.\n") \
X(2, INTERIOR, "the address is inside a block, not its start", \
"Only the address that malloc gave may be freed. A pointer that was moved\n" \
"along an array, or the address of a member of a structure, is the usual cause.\n") \
X(3, NO_BLOCK, "no block is there: it was freed already, or there never was one", \
"The address lies in memaix's memory, in pages that hold no block now. A large\n" \
"block that is freed twice ends here, and so does a small one when all of its\n" \
"neighbours were freed too.\n") \
X(4, NEVER_GIVEN, "no block was ever handed out at this address", \
"The address has the form of a block, but the program never got it: a pointer\n" \
"that was computed wrongly, or not initialized.\n") \
X(5, LIST_DAMAGED, "a free block was changed, or freed twice", \
"A block that malloc wanted to hand out does not carry the marks that free left\n" \
"in it. Either the program wrote to it after it was freed, or wrote past the end\n" \
"of the block in front of it, or freed it twice with other calls between.\n" \
"The culprit ran earlier. The rest of the list of free blocks is not used any\n" \
"more, since nothing in it can be trusted.\n") \
X(6, WRONG_SIZE, "the size is not the one the block was asked for with", \
"free_sized, free_aligned_sized or a sized operator delete was called with a size\n" \
"that cannot have been the one of the allocation. Deleting an object of a derived\n" \
"class through a base class without a virtual destructor is the usual cause.\n") \
X(7, MISALIGNED, "the address is not aligned as any block is", \
"Every block of every malloc on this system starts at a multiple of 16 bytes.\n") \
X(8, STACK, "the address is on the stack of this thread", \
"A local variable or an array on the stack was passed to free or realloc.\n") \
X(9, STATIC, "the address is in a program or library, not in a heap", \
"A string literal or a static variable was passed to free or realloc.\n") \
X(10, UNMAPPED, "nothing is mapped at the address", \
"The pointer leads nowhere: not initialized, overwritten, or its memory is gone.\n") \
X(11, FOREIGN, "the block is not memaix's, and no other allocator is there", \
"The address is none that memaix ever used, and there is no other definition of\n" \
"the function to give it to.\n") \
X(12, OVERRUN, "bytes behind the block were overwritten", \
"With secure:true every block is followed by bytes that only memaix writes, and\n" \
"they are looked at when it is freed or resized; with guard_rate a sample is\n" \
"surrounded by such bytes. The program wrote past the end\n" \
"of the block, or in front of the block behind it, at some time since malloc; or\n" \
"the address was never given to it.\n") \
X(13, WRITTEN, "the block was written to after it was freed", \
"With secure:true a freed block is wiped and rests for a while. When its rest was\n" \
"over its bytes were not zero any more: the program still uses a pointer to it.\n" \
"The line comes from a later malloc or free, of another block.\n") \
X(14, FAULT, "the program touched memory that it must not touch", \
"The processor refused an access, and explain_fault:true says what is there. A\n" \
"small address is an offset from a null pointer. A guard, with secure:true or\n" \
"guard_rate, means that the program ran past the end of a block, or in front of\n" \
"it. Reserved address space and pages that hold no block are reached by pointers\n" \
"that were never right, or whose block was freed long ago. The process ends by the\n" \
"signal, or goes on in the program's own handler.\n") \
X(15, REFUSED, "the system refused memory", \
"malloc gave NULL and ENOMEM, and explain_oom:true says which limit was in the\n" \
"way: RLIMIT_AS (ulimit -v) and RLIMIT_DATA (ulimit -d) of the process, the number\n" \
"of mappings (vm.max_map_count), what the system promises to all processes\n" \
"(vm.overcommit_memory), or the request itself. A cgroup's limit refuses nothing:\n" \
"it ends the process when the memory is touched.\n")

#define MX_MESSAGE_ENUM(number, name, brief, full) MX_MESSAGE_##name = number,

enum mx_message {
	MX_MESSAGES(MX_MESSAGE_ENUM)
};

#endif /* MX_MESSAGES_H */
