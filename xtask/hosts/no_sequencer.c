/* Stands in for ALSA's sequencer, without which Qtractor does not start: every call works and nothing ever comes. */
#include <poll.h>
#include <unistd.h>
#include <string.h>
static int dummy[64]; static int pfd[2]={-1,-1};
int snd_seq_alloc_queue(void*h,void*a,void*b,void*c){return 0;}
int snd_seq_client_id(void*h){return 128;}
int snd_seq_close(void*h,void*a,void*b,void*c){return 0;}
int snd_seq_control_queue(void*h,void*a,void*b,void*c){return 0;}
int snd_seq_create_simple_port(void*h,void*a,void*b,void*c){return 0;}
int snd_seq_delete_simple_port(void*h,void*a,void*b,void*c){return 0;}
int snd_seq_drain_output(void*h,void*a,void*b,void*c){return 0;}
int snd_seq_drop_input(void*h,void*a,void*b,void*c){return 0;}
int snd_seq_drop_output(void*h,void*a,void*b,void*c){return 0;}
int snd_seq_event_input(void*h,void**e){*e=0;return -11;}
int snd_seq_event_input_pending(void*h,void*a,void*b,void*c){return 0;}
int snd_seq_event_output(void*h,void*a,void*b,void*c){return 0;}
int snd_seq_event_output_direct(void*h,void*a,void*b,void*c){return 0;}
int snd_seq_event_types(void*h,void*a,void*b,void*c){return 0;}
int snd_seq_free_queue(void*h,void*a,void*b,void*c){return 0;}
int snd_seq_get_any_client_info(void*h,void*a,void*b,void*c){return 0;}
int snd_seq_get_any_port_info(void*h,void*a,void*b,void*c){return 0;}
int snd_seq_get_port_info(void*h,void*a,void*b,void*c){return 0;}
int snd_seq_get_queue_status(void*h,void*a,void*b,void*c){return 0;}
int snd_seq_get_queue_tempo(void*h,void*a,void*b,void*c){return 0;}
int snd_seq_open(void**h,const char*n,int s,int m){*h=dummy;if(pfd[0]<0)pipe(pfd);return 0;}
int snd_seq_poll_descriptors(void*h,struct pollfd*p,unsigned n,short e){p->fd=pfd[0];p->events=POLLIN;return 1;}
int snd_seq_poll_descriptors_count(void*h,short e){return 1;}
int snd_seq_query_next_client(void*h,void*a,void*b){return -1;}
int snd_seq_query_next_port(void*h,void*a,void*b){return -1;}
int snd_seq_query_port_subscribers(void*h,void*a,void*b){return -1;}
int snd_seq_remove_events(void*h,void*a,void*b,void*c){return 0;}
int snd_seq_remove_events_set_channel(void*h,void*a,void*b,void*c){return 0;}
int snd_seq_remove_events_set_condition(void*h,void*a,void*b,void*c){return 0;}
int snd_seq_remove_events_set_queue(void*h,void*a,void*b,void*c){return 0;}
int snd_seq_remove_events_set_tag(void*h,void*a,void*b,void*c){return 0;}
int snd_seq_remove_events_set_time(void*h,void*a,void*b,void*c){return 0;}
int snd_seq_set_client_name(void*h,void*a,void*b,void*c){return 0;}
int snd_seq_set_port_info(void*h,void*a,void*b,void*c){return 0;}
int snd_seq_set_queue_tempo(void*h,void*a,void*b,void*c){return 0;}
int snd_seq_set_queue_timer(void*h,void*a,void*b,void*c){return 0;}
int snd_seq_subscribe_port(void*h,void*a,void*b,void*c){return 0;}
int snd_seq_unsubscribe_port(void*h,void*a,void*b,void*c){return 0;}
